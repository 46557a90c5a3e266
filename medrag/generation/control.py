"""Control strings such as `</s>` in text that is data: rewritten so that nothing obeys them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ModelError

# What stands between angle brackets without a space, or between pipes; a comparison is followed by
# a number or a space. NFKC keeps ‹ and ›, so that no tokenizer turns them back into < and >.
_TAG = re.compile(
    r"([<＜]++)([^\s\d<>＜＞=.,+≤≥±-][^\s<>＜＞]{0,80}|[|｜][^<>＜＞\n]{1,80}[|｜])([>＞]+)"
)
_INSTRUCTION = re.compile(r"[\[［](/?[A-Z][A-Z_]{2,30}(?:_[0-9]{1,3})?)[\]］]")
# Tags and variation selectors that nobody sees, but in which a text can be hidden.
_HIDDEN = re.compile("[\U000e0000-\U000e01ef]+")
_DISARMED = re.compile(r"‹+[^‹›\n]{1,82}›+")
_DISARMED_INSTRUCTION = re.compile(r"\{(/?[A-Z][A-Z_]{2,30}(?:_[0-9]{1,3})?)\}")


def without_control(text: str) -> str:
    """`text` with the control strings of all common chat formats as lookalikes.

    `<|im_start|>` becomes `‹|im_start|›`, and `[INST]` becomes `{INST}`. `with_control` undoes it.
    Characters in which a text can be hidden are left out.
    """
    text, before = _HIDDEN.sub("", text), ""
    while before != text:  # one may stand in another: "<|im_<|im_start|>start|>"
        before = text
        text = _TAG.sub(lambda tag: "‹" * len(tag[1]) + tag[2] + "›" * len(tag[3]), text)
        text = _INSTRUCTION.sub(r"{\1}", text)
    return text


def with_control(text: str) -> str:
    """Undo `without_control`, for text that only people read."""
    text = _DISARMED.sub(lambda tag: tag[0].replace("‹", "<").replace("›", ">"), text)
    return _DISARMED_INSTRUCTION.sub(r"[\1]", text)


def outside_control(text: str) -> str:
    """What is left of a text without its control strings: the words that somebody wrote."""
    before = ""
    while before != text:  # one may stand in another
        before = text
        text = _DISARMED_INSTRUCTION.sub("", _DISARMED.sub("", without_control(text)))
    return text


def as_data(text: str, tokenizer: Any) -> str:
    """`text` in which a tokenizer of transformers finds no control token.

    What `without_control` does not know, such as `>>TITLE<<`, gets a space after its first
    character. Use it for every text that is put into a chat template: passages, questions, and the
    answers of training rows.
    """
    text = without_control(text)
    for token in sorted(_control_strings(tokenizer), key=len, reverse=True):
        text = text.replace(token, f"{token[0]} {token[1:]}")
    return text


def render(tokenizer: Any, messages: Sequence[Mapping[str, str]], *, answered: bool = False) -> Any:
    """The tokens of messages, as a batch of one: control tokens come from the chat template only.

    Args:
        answered: the last message is the answer, so no other is asked for.

    Raises:
        ModelError: the template rejects the messages, or the tokenizer finds a control token in
            them all the same.
    """
    from jinja2 import TemplateError

    def fill(contents: list[str]) -> Any:
        return tokenizer.apply_chat_template(
            [{**one, "content": text} for one, text in zip(messages, contents, strict=True)],
            add_generation_prompt=not answered,
            return_dict=True,
            return_tensors="pt",
        )

    try:
        inputs = fill([as_data(one["content"], tokenizer) for one in messages])
        bare = fill(["x"] * len(messages))
    except TemplateError as error:
        raise ModelError(f"the chat template rejects the prompt: {error}") from error
    control = _control_ids(tokenizer)
    found, own = (sum(i in control for i in it["input_ids"][0].tolist()) for it in (inputs, bare))
    if found != own:
        raise ModelError("the prompt has text that the tokenizer takes for control tokens")
    return inputs


def _control_ids(tokenizer: Any) -> frozenset[int]:
    """The ids that a chat template may write, but a text must not.

    The id for unknown characters is not among them.
    """
    ids = tokenizer.convert_tokens_to_ids(sorted(_control_strings(tokenizer)))
    return frozenset(ids) - {None, tokenizer.unk_token_id}


def _control_strings(tokenizer: Any) -> set[str]:
    """The special tokens, and other added ones such as `<think>`, but not added words."""
    added = getattr(tokenizer, "added_tokens_decoder", None)  # a method of mistral-common's
    tokens = list(added.values()) if isinstance(added, dict) else []
    marks = {token.content for token in tokens if re.fullmatch(r"[^\w\s].*[^\w\s]", token.content)}
    special = {token.content for token in tokens if token.special} | {*tokenizer.all_special_tokens}
    marks |= {text for text in special if re.search(r"[^\w\s]", text)}
    return {text for text in marks if len(text) > 1}
