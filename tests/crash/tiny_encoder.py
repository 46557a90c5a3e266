"""Makes a real sentence encoder of 12,000 weights, so that a build in a test takes no time."""

from __future__ import annotations

import json
from pathlib import Path

WORDS = """
    allopurinol and artesunate asthma attack big by caused colchicine crystals dose drug gout in
    inhaled is joint malaria mosquitoes note number of opens prevents relief salbutamol spread
    steroids the toe treated uric with . , :
    """.split()  # noqa: SIM905


def make_tiny_encoder(
    folder: Path, seed: int = 7, length: int = 256, layers: int = 1, spread: float = 0.02
) -> Path:
    """Save a BERT with random weights, and its tokenizer, into `folder`.

    It reads `length` tokens. With a `spread` of 0.02, a layer changes nearly nothing.
    """
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    letters = [chr(code) for code in range(33, 127)]
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS, *letters, *(f"##{c}" for c in letters)]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", None, ends)
    torch.manual_seed(seed)
    model = BertModel(
        BertConfig(
            vocab_size=len(vocabulary),
            hidden_size=16,
            num_hidden_layers=layers,
            num_attention_heads=2,
            intermediate_size=32,
            max_position_embeddings=length,
            initializer_range=spread,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": length}))
    return folder
