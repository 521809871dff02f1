"""The tiny families' tokenizer: byte-level BPE trained on the procedural world, the same on every machine."""

from itertools import islice

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from src.benchmarks.world.corpus import corpus
from src.benchmarks.world.words import ENGLISH

BOS, EOS, PAD = "<|bos|>", "<|eos|>", "<|pad|>"
DOCUMENTS = 3000


def build_tokenizer(vocab_size: int) -> PreTrainedTokenizerFast:
    """A tokenizer with exactly `vocab_size` tokens; a larger one has the smaller one's merges and some more.

    Digits stand alone, and any UTF-8 text comes back unchanged. Special tokens are never added by itself: who builds
    a sequence puts bos and eos where they belong.
    """
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[BOS, EOS, PAD],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    # The English words are repeated so that they weigh about as much as the world's own few.
    bpe.train_from_iterator([*islice(corpus(0), DOCUMENTS), *[ENGLISH] * 20], trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token=BOS,
        eos_token=EOS,
        pad_token=PAD,
        clean_up_tokenization_spaces=False,
    )
