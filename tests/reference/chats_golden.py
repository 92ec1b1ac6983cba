"""Prompts of chats of several turns, as ids, written for this project.

    python chats_golden.py ../fixtures/chats.json

Made with transformers 5.23.0: `apply_chat_template(messages, add_generation_prompt=True)` of tokenizers in
`../fixtures/architectures`.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

ARCHITECTURES = Path(__file__).parent.parent / "fixtures" / "architectures"

USER = [{"role": "user", "content": "the cat"}]
SYSTEM = [{"role": "system", "content": " sat\n"}, *USER]
TURNS = [*SYSTEM, {"role": "assistant", "content": "the dog"}, {"role": "user", "content": "ran\nto"}]
CHATS = [USER, SYSTEM, TURNS, [*TURNS, {"role": "assistant", "content": "the mat"}]]

TEMPLATES = {
    "marks": "{{ bos_token }}{% for m in messages %}{{ m['role'][:1] + ' ' + m['content'] + eos_token + '\n' }}{% endfor %}"
             "{% if add_generation_prompt %}{{ 'dog' }}{% endif %}",
    "first system": "{% if messages[0].role == 'system' %}{{ messages[0].content | trim }} and {% set messages = messages[1:] %}"
                    "{% endif %}{% for m in messages %}{{ '[' ~ loop.index ~ '] ' ~ m.content ~ ' ' }}{% endfor %}"
                    "{{ 'sat' if add_generation_prompt }}",
}


def main(path: Path) -> None:
    cases = []
    for model in ["gpt2", "llama", "qwen2"]:
        tokenizer = AutoTokenizer.from_pretrained(ARCHITECTURES / model)
        for name, template in TEMPLATES.items():
            for index, chat in enumerate(CHATS):
                options = {"chat_template": template, "add_generation_prompt": True}
                text = tokenizer.apply_chat_template(chat, tokenize=False, **options)
                ids = tokenizer.apply_chat_template(chat, tokenize=True, return_dict=True, **options)["input_ids"]
                cases.append({"model": model, "template": name, "chat": index, "text": text, "ids": ids})
    golden = {"templates": TEMPLATES, "chats": CHATS, "cases": cases}
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=None) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
