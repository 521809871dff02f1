"""One optimiser step as the model sees it: every token, which of them are learnt, and where packed examples begin."""

from rich.console import Console
from rich.text import Text

from src.models.loss import IGNORE
from src.models.prompt import PromptFormat
from src.points.draw import draw, training_data
from src.points.point import Point


def show_first_step(point: Point) -> None:
    """Print the rows of the point's first optimiser step.

    Grey tokens are prompt, green ones answer (counted in the loss), a red bar begins an example, dots are padding.
    """
    console = Console()
    tokenizer = point.base.tokenizer()
    drawn = draw(point, PromptFormat(tokenizer, point.config.model.plain_prompt))
    data = training_data(point.config, drawn.train, drawn.val)
    passes = [part for rank in range(data.world_size) for part in data.passes(0, rank)]  # one rank's after another's
    for number, part in enumerate(passes, start=1):
        rows, width = part.input_ids.shape
        console.rule(f"{point.name}: step 1 of {len(data.plan)}, pass {number} of {len(passes)}")
        for r in range(rows):
            ids, positions = part.input_ids[r].tolist(), part.position_ids[r].tolist()
            learnt = [False, *[target != IGNORE for target in part.targets[r].tolist()[:-1]]]
            line = Text(f"row {r + 1:2d} ", style="bold")
            begun = 0
            for t in range(width):
                ends = t + 1 == width or positions[t + 1] == 0
                if positions[t] == 0 and ends:
                    line.append("·", style="dim")
                    continue
                if positions[t] == 0:
                    begun += 1
                    line.append("▌", style="red")
                shown = str(tokenizer.decode([ids[t]])).replace("\n", "⏎")
                line.append(shown, style="bold green" if learnt[t] else "bright_black")
            console.print(line)
            console.print(f"       {begun} examples, {sum(learnt)} answer tokens, {width} wide", style="dim")
    console.print(f"{passes[-1].answer_tokens} answer tokens in this step; its loss is their mean.")
