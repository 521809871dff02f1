from src.study.training import Training, trainings
from src.tracking.query import PointRecord


def point(n, seed=0, **metrics):
    logged = {name.replace("__", "/"): value for name, value in metrics.items()}
    return PointRecord(f"{n}-{seed}", f"{n}-{seed}", "m", "b", "full", "converged", n, seed, 0, {}, logged)


def test_a_row_holds_the_medians_of_a_size_and_counts_the_points_that_ended_at_the_bound():
    def trained(n, seed, steps, lr, hit):
        return point(
            n, seed, train__optimizer_steps=steps, train__epochs=steps / 4, train__best_lr=lr, train__bound_hit=hit,
            data__val_examples=128.0,
        )  # fmt: skip

    points = [trained(100, 0, 90.0, 3e-3, 1.0), trained(10, 0, 20.0, 1e-3, 0.0), trained(100, 1, 110.0, 1e-3, 1.0)]
    assert trainings({"c": points}) == [
        Training("c", 10, 1, 20.0, 5.0, 1e-3, 0, 128.0),
        Training("c", 100, 2, 100.0, 25.0, 1e-3, 2, 128.0),
    ]


def test_what_was_not_logged_is_none_and_points_without_training_have_no_row():
    base, old, prompted = point(0), point(10, train__optimizer_steps=7.0), point(10, 1, eval__accuracy=0.1)
    assert trainings({"c": [base, old, prompted], "prompts": [prompted], "none": []}) == [
        Training("c", 10, 1, 7.0, None, None, None, None)
    ]
