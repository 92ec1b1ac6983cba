"""What jinja2 makes of templates, configured as transformers does.

    python jinja_golden.py ../fixtures/tokenizer/jinja.json

Made with transformers 5.23.0 and jinja2 3.1.6. Each template is an expression or some statements that chat templates have, or may have.
"""

import json
import sys
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template

VARIABLES = {
    "text": "The nurse, \"Ann\", said <b>é</b>.\nShe's late.",
    "spaced": "  a  b\tc \n",
    "empty": "",
    "numbers": [3, 1, 2],
    "float": 0.5,
    "people": [{"name": "Ann", "age": 31, "tags": ["a"]}, {"name": "bo", "age": 27}, {"name": "Cid", "age": 27}],
    "tool": {"type": "function", "function": {"name": "roster", "parameters": {"items": {"x": 1}, "b": None, "a": True}}},
    "none": None,
    "truth": True,
    "messages": [
        {"role": "user", "content": "Who?"},
        {"role": "assistant", "content": "<think>\nhm\n</think>\n\nAnn."},
        {"role": "user", "content": "Why?"},
    ],
}

TEMPLATES = [
    # Formatting.
    "{{ '%s' % text[:3] }}|{{ '%s-%s' % ('a', 1) }}|{{ '%d%%' % 5 }}|{{ '%05.2f' % 3.14159 }}|{{ '%x' % 255 }}|{{ '%s' % none }}",
    "{{ '%s' % numbers }}|{{ '%s' % truth }}|{{ '%(a)s' % {'a': 1} }}|{{ '%5s|%-5s|' % ('a', 'b') }}|{{ '%s' % (numbers | length) }}",
    "{{ '%s' % people[0].name ~ '!' }}|{{ '%s' % text.split(',')[0] | upper }}|{{ 'a' + '%s' % 1 + 'b' }}|{{ 7 % 3 }}|{{ -7 % 3 }}",
    "{{ '%s and %s'|format('a', 2) }}|{{ '{} {}'.format('a', 1) }}|{{ '{x:>4}'.format(x=1) }}|{{ '{0[name]}'.format(people[0]) }}",
    "{% for m in messages %}{{ '%02d' % loop.index }}{{ ',' if not loop.last }}{% endfor %}",
    # Truncation and other filters.
    "{{ text | truncate(10) }}|{{ text | truncate(10, true) }}|{{ text | truncate(10, false, '…') }}|{{ text | truncate(100) }}",
    "{{ 'foo bar baz qux' | truncate(9) }}|{{ 'foo bar baz qux' | truncate(9, True) }}|{{ 'foo bar baz qux' | truncate(11) }}"
    "|{{ 'foo bar baz qux' | truncate(11, False, '...', 0) }}|{{ 'foo bar baz qux' | truncate(length=9, killwords=True, end='') }}",
    "{{ 'a b' | truncate(2) }}",
    "{{ 'abc' | center(8) }}|{{ 'ab' | center(7) }}|{{ 'a b-c d_e' | wordcount }}|{{ '<a href=\"x\">b</a>  c' | striptags }}",
    "{{ spaced | trim }}|{{ 'xxaxx' | trim('x') }}|{{ text | replace('e', 'E', 2) }}|{{ text | title }}|{{ text | capitalize }}|{{ 'ABC' | lower }}",
    "{{ numbers | sort | join('-') }}|{{ numbers | sort(reverse=true) | join }}|{{ numbers | max }}{{ numbers | min }}{{ numbers | sum }}"
    "|{{ numbers | first }}{{ numbers | last }}|{{ numbers | length }}|{{ numbers | count }}",
    "{{ people | map(attribute='name') | join(', ') }}|{{ people | join(';', attribute='age') }}|{{ people | sum(attribute='age') }}"
    "|{{ people | sort(attribute='age') | map(attribute='name') | join }}|{{ people | map(attribute='tags', default=[]) | list }}",
    "{{ people | selectattr('age', 'equalto', 27) | list | length }}|{{ people | rejectattr('tags', 'defined') | map(attribute='name') | list }}"
    "|{{ people | selectattr('tags') | list | length }}|{{ numbers | select('odd') | list }}|{{ numbers | reject('>', 1) | list }}",
    "{{ people | groupby('age') | map('first') | list }}|{{ numbers | batch(2) | list }}|{{ numbers | batch(2, 0) | list }}|{{ [1, 1, 2] | unique | list }}",
    "{{ 'abc' | list }}|{{ 'abc' | reverse }}|{{ numbers | reverse | list }}|{{ {'b': 1, 'a': 2} | dictsort }}|{{ {'b': 1} | items | list }}",
    "{{ 'a\nb' | indent }}|{{ 'a\nb\n\nc' | indent(2, true) }}|{{ 'a\nb' | indent(width=1, first=True) }}|{{ 'a\n\nb' | indent(2, blank=true) }}",
    "{{ 3.7 | int }}|{{ '3' | int }}|{{ 'x' | int(5) }}|{{ '3.5' | float }}|{{ 2.5 | round }}|{{ 2.55 | round(1) }}|{{ 7 | float }}|{{ -3 | abs }}",
    "{{ missing | default('d') }}|{{ none | default('d') }}|{{ none | default('d', true) }}|{{ '' | d('e', boolean=true) }}|{{ missing | d }}",
    "{{ '<&>' | e }}|{{ '<&>' | escape | length }}|{{ '<' | safe }}|{{ 5 | string ~ 'x' }}|{{ none | string }}|{{ numbers | string | length }}",
    # What Python writes.
    "{{ numbers }}|{{ ['a', \"it's\", 'q\"'] }}|{{ ('a',) }}|{{ (1, 'b') }}|{{ {} }}|{{ [] }}|{{ {'a': [1, none, true, 0.5]} }}",
    "{{ none }}|{{ truth }}|{{ false }}|{{ 1.0 }}|{{ 1e20 }}|{{ 1e-7 }}|{{ 123456789.123 }}|{{ 10 ** 3 }}|{{ 7 / 2 }}|{{ 6 / 2 }}|{{ 7 // 2 }}|{{ -7 // 2 }}",
    "{{ tool }}",
    "{{ 'a' ~ 1 ~ 2.0 ~ 'b' }}|{{ 'a' ~ none }}|{{ 'a' ~ true }}|{{ 'a' ~ [1, 'b'] }}|{{ missing ~ 'x' }}|{{ numbers + [4] }}|{{ 'ab' * 3 }}|{{ [0] * 2 }}",
    "{{ '\\n' }}|{{ 'a\\tb' }}|{{ \"it's\" }}|{{ 'it\\'s' }}|{{ '\\u00e9' }}|{{ 'a' 'b' }}|{{ '\\\\' }}",
    # JSON.
    "{{ tool | tojson }}",
    "{{ tool | tojson(indent=2) }}",
    "{{ tool | tojson(indent=4, sort_keys=true) }}",
    "{{ tool | tojson(separators=(',', ':')) }}|{{ text | tojson }}|{{ text | tojson(ensure_ascii=true) }}|{{ 'é😀\\u0007' | tojson(true) }}",
    "{{ [] | tojson(indent=2) }}|{{ {} | tojson(indent=2) }}|{{ [[], {}] | tojson(indent=1) }}|{{ [1, 2] | tojson(indent='--') }}",
    "{{ [1.0, 1e20, 1e-7, 0.1, -0.0, 3] | tojson }}|{{ {1: 'a', none: 2, true: 3} | tojson }}|{{ (1, 2) | tojson }}|{{ '</script>&\\'' | tojson }}",
    "{{ missing | tojson }}",
    # Methods of texts.
    "{{ text.partition(',') }}|{{ 'abc'.partition('x') }}|{{ 'a.b.c'.rpartition('.') }}|{{ 'abc'.rpartition('x') }}",
    "{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ spaced.split() }}|{{ ' a b c '.split(none, 1) }}|{{ ' a b c '.rsplit(None, 1) }}"
    "|{{ 'a,b,c'.split(',', maxsplit=1)[-1] }}|{{ 'a,b'.split(sep=',') }}|{{ ''.split(',') }}|{{ ''.split() }}|{{ 'a,b'.rsplit(',') }}",
    "{{ messages[1].content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') }}|{{ messages[1].content.split('</think>')[-1].lstrip('\\n') }}",
    "{{ 'abc'.startswith('a') }}|{{ 'abc'.startswith(('x', 'a')) }}|{{ 'abc'.endswith('bc') }}|{{ 'abc'.find('c') }}|{{ 'abc'.find('x') }}"
    "|{{ 'abcabc'.rfind('b') }}|{{ 'abc'.index('b') }}|{{ 'banana'.count('an') }}",
    "{{ 'abc'.removeprefix('a') }}|{{ 'abc'.removesuffix('bc') }}|{{ 'abc'.removeprefix('x') }}|{{ '7'.zfill(3) }}|{{ '-7'.zfill(4) }}"
    "|{{ 'a'.ljust(3) }}.|{{ 'a'.rjust(3, '*') }}|{{ 'a'.center(4, '-') }}",
    "{{ 'aB'.swapcase() }}|{{ 'aB'.upper() }}|{{ 'aB'.lower() }}|{{ 'ß'.casefold() }}|{{ 'a b'.title() }}|{{ 'aB c'.capitalize() }}|{{ ', '.join(['a', 'b']) }}",
    "{{ 'abc'.isalpha() }}|{{ '12'.isdigit() }}|{{ '12'.isdecimal() }}|{{ 'a1'.isalnum() }}|{{ ' '.isspace() }}|{{ 'A'.isupper() }}|{{ 'a'.islower() }}",
    "{{ 'a\\nb\\n'.splitlines() }}|{{ 'a\\nb'.splitlines(true) }}|{{ spaced.strip() }}|{{ 'xax'.strip('x') }}|{{ 'abc'.replace('b', '') }}|{{ 'aaa'.replace('a', 'b', 1) }}",
    "{{ 'abc'.index('x') }}",
    "{{ 'abc'.split('') }}",
    # Methods of lists and mappings.
    "{{ tool.items() | list | length }}|{{ tool.keys() | list }}|{{ tool.function.parameters['items'].x }}|{{ tool.get('x') }}|{{ tool.get('x', 1) }}"
    "|{{ tool.function.parameters.items() | list }}|{{ tool.function.get('name') }}|{{ tool.values() | first }}",
    "{{ numbers.index(2) }}|{{ numbers.count(1) }}|{{ numbers.copy() }}|{{ tool.copy() == tool }}",
    "{% for key, value in tool.function.parameters.items() %}{{ key }}={{ value }};{% endfor %}|{% for key in tool %}{{ key }} {% endfor %}",
    "{{ numbers.append(1) }}",
    # Tests.
    "{{ tool is mapping }}|{{ numbers is mapping }}|{{ numbers is sequence }}|{{ text is string }}|{{ text is iterable }}|{{ 1 is iterable }}|{{ text is sequence }}",
    "{{ none is none }}|{{ missing is defined }}|{{ missing is undefined }}|{{ missing is none }}|{{ truth is boolean }}|{{ 1 is number }}|{{ true is number }}"
    "|{{ 1 is integer }}|{{ 1.0 is float }}|{{ 4 is divisibleby 2 }}|{{ 3 is odd }}|{{ truth is true }}|{{ 1 is true }}|{{ text is callable }}",
    "{{ 'a' is in ['a'] }}|{{ 'a' in 'abc' }}|{{ 'x' not in 'abc' }}|{{ 'name' in people[0] }}|{{ 5 in numbers }}|{{ 1 is eq 1 }}|{{ 1 is ne 1 }}|{{ 2 is gt 1 }}"
    "|{{ 1 is sameas 1 }}|{{ 'A' is upper }}|{{ 'trim' is filter }}|{{ 'odd' is test }}|{{ people[0].tags is defined }}|{{ people[1].tags is not defined }}",
    # Operators and literals.
    "{{ 1 if missing else 2 }}|{{ 'a' if truth }}|{{ 'a' if not truth }}|{{ truth and none }}|{{ none or 'x' }}|{{ not missing }}|{{ 1 < 2 < 3 }}|{{ 1 == 1.0 }}",
    "{{ text[0] }}|{{ text[-2] }}|{{ text[1:4] }}|{{ text[:-40] }}|{{ numbers[1:] }}|{{ numbers[::-1] }}|{{ numbers[::2] }}|{{ 'abc'[::-1] }}|{{ messages[-1].content }}",
    "{{ people[0]['name'] }}|{{ people.0.name }}|{{ people[0].x is defined }}|{{ people[9] is defined }}|{{ numbers[0:2] | join }}|{{ (numbers | first) + 1 }}",
    "{{ 1_000 }}|{{ 0x1f }}|{{ 1e3 }}|{{ True }}|{{ False }}|{{ None }}|{{ [1, 2,] }}|{{ {'a': 1,} }}|{{ 2 ** 3 ** 1 }}|{{ (1, 2)[0] }}|{{ -numbers[0] }}",
    "{{ missing }}|{{ missing is defined }}",
    "{{ missing.x }}",
    "{{ 'a' + 1 }}",
    # Loops.
    "{% for c in 'abc' %}{{ c }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.length }}{{ loop.first }}{{ loop.last }};{% endfor %}",
    "{% for n in numbers %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a', 'b') }}{{ loop.depth }};{% endfor %}",
    "{% for k, v in {'a': 1, 'b': 2}.items() %}{{ k }}{{ v }}{{ loop.revindex }}{{ loop.length }}{% endfor %}|{% for n in numbers | select('odd') %}{{ loop.length }}{% endfor %}",
    "{% for n in numbers if n > 1 %}{{ n }}{{ loop.index }}{% else %}none{% endfor %}|{% for n in [] %}x{% else %}none{% endfor %}|{% for n in missing %}x{% else %}no{% endfor %}",
    "{% for n in numbers %}{% if n == 1 %}{% continue %}{% endif %}{{ n }}{% endfor %}|{% for n in numbers %}{% if n == 2 %}{% break %}{% endif %}{{ n }}{% endfor %}",
    "{% for p in people recursive %}{{ p.name }}{% endfor %}|{% for n in numbers %}{{ loop.changed(n > 1) }}{% endfor %}|{% for a, b in [(1, 2), (3, 4)] %}{{ a + b }}{% endfor %}",
    "{% for n in range(3) %}{{ n }}{% endfor %}|{% for n in range(5, 0, -2) %}{{ n }}{% endfor %}|{{ range(3) | list }}|{% for m in messages[::-1] %}{{ loop.index0 }}{{ m.role }}{% endfor %}",
    "{% for x in [[1, [2]], [3]] recursive %}{% if x is sequence %}({{ loop(x) }}){% else %}{{ x }}{% endif %}{% endfor %}",
    "{% for a in numbers %}{% for b in 'xy' %}{{ loop.index }}{% endfor %}{{ loop.index }}{% endfor %}",
    # Statements.
    "{% set ns = namespace(a=1, b=[]) %}{% for n in numbers %}{% set ns.a = ns.a + n %}{% set ns.b = ns.b + [n] %}{% endfor %}{{ ns.a }}{{ ns.b }}",
    "{% set a, b = 1, 2 %}{{ a }}{{ b }}|{% set x %}a{{ 1 }}b{% endset %}{{ x }}|{% set y | upper %}abc{% endset %}{{ y }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.next() }}|{% set j = joiner('-') %}{{ j() }}a{{ j() }}b|{{ dict(a=1) }}",
    "{% macro m(a, b='x') %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}{{ m(1, 2) }}{{ m(a=3, b=4) }}|{% macro n() %}<{{ caller() }}>{% endmacro %}{% call n() %}in{% endcall %}",
    "{% if text is string and 'nurse' in text %}a{% elif true %}b{% else %}c{% endif %}|{% with z = 1 %}{{ z }}{% endwith %}{{ z is defined }}|{% filter upper %}abc{% endfilter %}",
    "{% raw %}{{ x }}{% for a in b %}{% endraw %}|{# {{ x }} #}|{% generation %}g{% endgeneration %}|{%- generation -%} h {%- endgeneration -%}|",
    "  {% if true %}\n  a\n  {% endif %}\nb\n  {#- c -#}  \n d {%- if true %}\n  e{% endif -%}  f  {%+ if true %} g{% endif +%}\n h",
    "{% for m in messages %}\n    {% set x = m.content %}\n    {{ x }}\n{% endfor %}\n\n",
    "{{ raise_exception('no ' ~ 1) }}",
    "{{ strftime_now('%Y') | length }}|{{ strftime_now('%d %b %Y') | length }}|{{ strftime_now('%B %d, %Y').split(',') | length }}",
    "{{ foo('x') }}",
    "{{ text | nofilter }}",
]


def main(path):
    cases = []
    for template in TEMPLATES:
        try:
            cases.append({"template": template, "text": _compile_jinja_template(template).render(**VARIABLES)})
        except Exception as error:
            cases.append({"template": template, "error": f"{type(error).__name__}: {error}"})
    path.write_text(json.dumps({"variables": VARIABLES, "cases": cases}, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
