"""What transformers renders with chat templates of many shapes, written for this project.

    python tokenizer_chat.py ../fixtures/tokenizer/chat.json

Made with transformers 5.23.0 and jinja2 3.1.6. The tokenizer is the `llama` of `tokenizer_families.py`.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

USER = [{"role": "user", "content": "Who was late?"}]
SYSTEM = [{"role": "system", "content": "  Be brief.\n"}, *USER]
LONG = [*SYSTEM, {"role": "assistant", "content": "The nurse, \"she\" said <b>é</b>."}, {"role": "user", "content": "Why?\n"}]
CHATS = [USER, SYSTEM, LONG, [*USER, *USER]]

TEMPLATES = {
    "marks": "{% for m in messages %}{{ '<|' + m['role'] + '|>\n' + m['content'] + eos_token + '\n' }}{% endfor %}"
             "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}",
    "blocks": """{%- if messages[0]['role'] == 'system' -%}
    {%- set system = messages[0]['content'] | trim + '\\n\\n' -%}
    {%- set rest = messages[1:] -%}
{%- else -%}
    {%- set system = '' -%}
    {%- set rest = messages -%}
{%- endif -%}
{{ bos_token }}
{%- for message in rest %}
    {% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
        {{ raise_exception('Roles must take turns: ' + message.role) }}
    {% endif %}
    {% if loop.first %}
        {{- '[Q] ' + system + message.content.strip() + ' [/Q]' }}
    {%- elif message.role == 'user' %}
        {{- '[Q] ' ~ message.content.strip() ~ ' [/Q]' }}
    {%- else %}
        {{ ' ' + message.content | trim + eos_token }}
    {%- endif %}
{% endfor %}
""",
    "kept spaces": "  {% if true %}\n  a {{ messages | length }}\n  {% endif %}\n\n  {%+ if add_generation_prompt +%}\n b\n{% endif %}\nend\n\n",
    "namespace": "{% set ns = namespace(found=false, n=0) %}{% for m in messages %}{% if m.role == 'assistant' %}{% set ns.found = true %}"
                 "{% endif %}{% set ns.n = ns.n + m.content | length %}{% endfor %}{{ ns.found }} {{ ns.n }}{{ ' yes' if ns.found else ' no' }}",
    "macro": "{% macro turn(role, text='') -%}\n<{{ role }}>{{ text }}</{{ role }}>\n{%- endmacro %}"
             "{% for m in messages %}{{ turn(m.role, text=m.content) }}{% endfor %}{{ turn('assistant') if add_generation_prompt }}",
    "json": "{{ messages | tojson }}\n{{ messages[0] | tojson(indent=2) }}\n{{ tools | tojson }} {{ {'a': [1, 2.5, true]} | tojson }}",
    "tests": "{{ tools is none }} {{ documents is defined }} {{ foo is defined }} {{ messages is iterable }} {{ messages[0].content is string }}"
             " {{ messages[0] is mapping }} {{ 'user' in messages[0].values() }} {{ 'content' in messages[0] }} {{ 3 is odd }}"
             " {{ not tools }} {{ foo or 'none' }}",
    "filters": "{{ messages | map(attribute='role') | join('|') }} {{ messages | selectattr('role', 'equalto', 'user') | list | length }}"
               " {{ (messages | last).role | upper }} {{ messages | rejectattr('role', 'equalto', 'user') | map(attribute='role') | list | length }}"
               " {{ foo | default('x') }} {{ 'a-b' | replace('-', '+') }} {{ 'ab' | capitalize }} {{ [3, 1, 2] | sort | join(',') }}"
               " {{ (messages | first)['role'] }} {{ 'x y' | title }} {{ [1, 2, 3] | sum }} {{ '  a ' | trim }}. {{ 'abc' | reverse }}"
               " {{ [1, 2] | reverse | list | join }} {{ 7 // 2 }} {{ 7 % 4 }} {{ '12' | int + 1 }} {{ 2 ** 3 }}",
    "methods": "{{ messages[-1].content.rstrip() }}|{{ 'a,b,c'.split(',')[1:] | join('-') }}|{{ 'Abc'.lower() }}{{ 'abc'.upper() }}|"
               "{{ 'a<b>c'.replace('<b>', '') }}|{{ 'abc'.startswith('ab') }} {{ 'abc'.endswith('x') }}|{{ 'abcabc'.find('c') }}|"
               "{{ 'x'.join(['a', 'b']) }}|{{ messages[0].get('name', 'nobody') }}|{% for k, v in messages[0].items() %}{{ k }}={{ v }};{% endfor %}|"
               "{{ messages[0].keys() | list | join(',') }}|{{ 'a b'.title() }}|{{ '  a'.lstrip() }}|{{ 'abc'[::-1] }}{{ 'abc'[1] }}|{{ 'aXbX'.count('X') }}",
    "loops": "{% for m in messages if m.role != 'system' %}{{ loop.index }}/{{ loop.length }}{{ '.' if loop.last else ',' }}"
             "{{ loop.previtem.role if loop.previtem is defined }}{{ loop.nextitem.role if not loop.last }}{% else %}none{% endfor %}"
             "{% for i in range(2, 9, 3) %}{% if i == 5 %}{% continue %}{% endif %}{{ i }}{% endfor %}{{ loop is defined }}",
    "training": "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}{{ m.content }}{{ eos_token }}{% endgeneration %}"
                "{% else %}{{ m.content }}{% endif %}\n{% endfor %}\n{%- if add_generation_prompt %}assistant:{% endif %}",
    "constants": "{{ none }} {{ true }} {{ false }} {{ 1.0 }} {{ 1.5 }} {{ 3 / 2 }} {{ 4 / 2 }} {{ -1 }} {{ 'é\\n' }} {{ \"it's\" }} {{ 10000000000 }}",
    "set block": "{% set text %}{% for m in messages %}{{ m.content | trim }} {% endfor %}{% endset %}[{{ text | trim }}]{# nothing #}"
                 "{% filter upper %}a{% endfilter %}{% raw %}{{ x }}{% endraw %}{% with a = 1 %}{{ a }}{% endwith %}",
    "raises": "{% if messages[0].role == 'system' %}{{ raise_exception('A system message is not supported') }}{% endif %}{{ bos_token }}ok",
    "syntax": "{% for m in messages %}{{ m.role }",
}


def main(path):
    tokenizer = AutoTokenizer.from_pretrained(path.parent / "llama")
    cases = []
    for name, template in TEMPLATES.items():
        for chat, messages in enumerate(CHATS):
            for prompt in (False, True):
                try:
                    text = tokenizer.apply_chat_template(messages, chat_template=template, add_generation_prompt=prompt, tokenize=False)
                    out = {"text": text}
                except Exception as error:
                    out = {"error": str(error)}
                cases.append({"template": name, "chat": chat, "add_generation_prompt": prompt, **out})
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({"templates": TEMPLATES, "chats": CHATS}, ensure_ascii=False)[:-1]
    path.write_text(f'{head}, "cases": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
