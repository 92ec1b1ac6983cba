"""What transformers renders with chat templates in the style of model families, and where each part of a message is.

    python chat_families.py ../fixtures/tokenizer/chat_families.json

Made with transformers 5.23.0 and jinja2 3.1.6. The templates are written for this project: they do what the templates of the families
do (trim, cut reasoning off, write calls of tools as JSON or as tags, refuse chats), in other words. The texts of the chats are in them
once, so that this script finds their places by a search, which the program does not do.
"""

import json
import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
from transformers import AutoTokenizer  # noqa: E402

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "roster",
            "description": "Names of the nurses on duty.",
            "parameters": {
                "type": "object",
                "properties": {"day": {"type": "string"}, "shifts": {"type": "integer"}},
                "required": ["day"],
            },
        },
    }
]


def call(name, arguments, identity="call00001"):
    return {"type": "function", "id": identity, "function": {"name": name, "arguments": arguments}}


CHATS = {
    "one": {"messages": [{"role": "user", "content": "Who was late?"}]},
    "system": {
        "messages": [
            {"role": "system", "content": "  Be brief.\n"},
            {"role": "user", "content": "Who was late, and \"why\"?\n\nSay <b>one</b> name."},
        ]
    },
    "turns": {
        "messages": [
            {"role": "user", "content": " Who was late? "},
            {"role": "assistant", "content": "\nThe tired nurse."},
            {"role": "user", "content": "Why?\n"},
            {"role": "assistant", "content": "Her bus stood still."},
            {"role": "user", "content": "Was it the 9:05 é?"},
        ]
    },
    "reasoning inside": {
        "messages": [
            {"role": "user", "content": "Who was late?"},
            {"role": "assistant", "content": "<think>\nTwo people came after nine.\nOne had leave.\n</think>\n\nThe nurse."},
            {"role": "user", "content": "Why?"},
        ]
    },
    "reasoning beside": {
        "messages": [
            {"role": "user", "content": "Who was late?"},
            {"role": "assistant", "reasoning_content": "\nTwo people came after nine.\n", "content": "The nurse."},
            {"role": "user", "content": "Why?"},
        ]
    },
    "tools": {
        "messages": [
            {"role": "system", "content": "You plan shifts."},
            {"role": "user", "content": "Who works on Monday?"},
            {
                "role": "assistant",
                "reasoning_content": "The roster knows.",
                "content": "",
                "tool_calls": [call("roster", {"day": "Monday", "shifts": 2})],
            },
            {"role": "tool", "name": "roster", "tool_call_id": "call00001", "content": "{\"names\": [\"Ann\", \"Bo\"]}"},
        ],
        "tools": TOOLS,
    },
    "tools and an answer": {
        "messages": [
            {"role": "user", "content": "Who works on Friday?"},
            {"role": "assistant", "content": "", "tool_calls": [call("roster", {"day": "Friday"})]},
            {"role": "tool", "name": "roster", "tool_call_id": "call00001", "content": "Only Dan."},
            {"role": "assistant", "content": "He does."},
            {"role": "user", "content": "Alone?"},
        ],
        "tools": TOOLS,
    },
    "parts": {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "Read the note: "}, {"type": "text", "text": "Ann is ill."}]},
            {"role": "assistant", "content": [{"type": "text", "text": "Understood."}]},
            {"role": "user", "content": [{"type": "text", "text": "Who is ill?"}]},
        ]
    },
    "no thinking": {"messages": [{"role": "user", "content": "Quick: who?"}], "chat_template_kwargs": {"enable_thinking": False}},
    "tag at the start": {
        "messages": [
            {"role": "user", "content": "<tool_response>\nnot a question\n</tool_response>"},
            {"role": "user", "content": "A real question"},
        ]
    },
    "not in turns": {"messages": [{"role": "user", "content": "Hello"}, {"role": "user", "content": "Who is there"}]},
}

TEMPLATES = {
    # One block per message.
    "chatml": """{%- for message in messages %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' ~ message.content ~ '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    # Headers, a date, tools in the first user message, JSON of results of tools.
    "llama 3": """{{- bos_token }}
{%- set tools_first = tools_first if tools_first is defined else true %}
{%- set day = date_string if date_string is defined else '26 Jul 2024' %}
{%- if messages[0]['role'] == 'system' %}
    {%- set rules = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set rules = '' %}
{%- endif %}
{{- '<|start_header_id|>system<|end_header_id|>\\n\\n' }}
{%- if tools is not none %}{{- 'Environment: ipython\\n' }}{%- endif %}
{{- 'Today Date: ' + day + '\\n\\n' + rules + '<|eot_id|>' }}
{%- if tools_first and not tools is none %}
    {%- if messages | length == 0 %}{{- raise_exception('There is no first user message to put tools in.') }}{%- endif %}
    {%- set question = messages[0]['content'] | trim %}
    {%- set messages = messages[1:] %}
    {{- '<|start_header_id|>user<|end_header_id|>\\n\\nAnswer with a JSON call of one of these functions.\\n\\n' }}
    {%- for tool in tools %}{{- tool | tojson(indent=4) }}{{- '\\n\\n' }}{%- endfor %}
    {{- question + '<|eot_id|>' }}
{%- endif %}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls | length == 1 %}{{- raise_exception('One call of a tool at a time.') }}{%- endif %}
        {%- set wanted = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
        {{- '{"name": "' + wanted.name + '", "parameters": ' }}
        {{- wanted.arguments | tojson }}
        {{- '}<|eot_id|>' }}
    {%- else %}
        {{- '<|start_header_id|>ipython<|end_header_id|>\\n\\n' }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- '<|eot_id|>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
""",
    # Tools in the system message, calls and results in tags.
    "qwen 2.5": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {{- messages[0].content if messages[0].role == 'system' else 'You are a helpful assistant.' }}
    {{- '\\n\\n# Tools\\n\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0].role != 'system' %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == 'user') or (message.role == 'system' and not (loop.first and tools)) or (message.role == 'assistant' and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == 'assistant' %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}{{- '\\n' + message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.index0 == 0 or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' }}{{- message.content }}{{- '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
""",
    # As the one before, with reasoning, of which only that after the last question stays.
    "qwen 3": """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\\n\\n' }}{%- endif %}
    {{- '# Tools\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' }}{{- tool | tojson }}{%- endfor %}
    {{- '\\n</tools><|im_end|>\\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- endif %}
{%- set ns = namespace(searching=true, last=messages | length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages | length - 1) - loop.index0 %}
    {%- if ns.searching and message.role == 'user' and message.content is string and not (message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.searching = false %}
        {%- set ns.last = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if message.role == 'user' or (message.role == 'system' and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == 'assistant' %}
        {%- set thoughts = '' %}
        {%- if message.reasoning_content is string %}
            {%- set thoughts = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set thoughts = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last and (loop.last or thoughts) %}
            {{- '<|im_start|>assistant\\n<think>\\n' + thoughts.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>assistant\\n' + content }}
        {%- endif %}
        {%- if message.tool_calls %}
            {%- for tool_call in message.tool_calls %}
                {%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}
                {%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}
                {{- '<tool_call>\\n{"name": "' + tool_call.name + '", "arguments": ' }}
                {%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments | tojson }}{%- endif %}
                {{- '}\\n</tool_call>' }}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == 'tool' %}
        {%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
        {{- '\\n<tool_response>\\n' + content + '\\n</tool_response>' }}
        {%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}
{%- endif %}""",
    # Arguments of calls as tags.
    "qwen 3 coder": """{%- for message in messages %}
    {{- '<|im_start|>' + message.role + '\\n' }}
    {%- if message.content is string and message.content | trim | length > 0 %}{{- message.content | trim }}{%- endif %}
    {%- if message.tool_calls is defined and message.tool_calls is iterable and message.tool_calls | length > 0 %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}
            {{- '<tool_call>\\n<function=' + tool_call.name + '>\\n' }}
            {%- if tool_call.arguments is defined %}
                {%- for name, value in tool_call.arguments | items %}
                    {{- '<parameter=' + name + '>\\n' }}
                    {%- set value = value if value is string else value | tojson | safe %}
                    {{- value }}{{- '\\n</parameter>\\n' }}
                {%- endfor %}
            {%- endif %}
            {{- '</function>\\n</tool_call>' }}
        {%- endfor %}
    {%- endif %}
    {{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}""",
    # The system message and the tools go into the last question; calls as one JSON list; roles take turns.
    "mistral": """{%- if messages[0]['role'] == 'system' %}
    {%- set rules = messages[0]['content'] %}
    {%- set rest = messages[1:] %}
{%- else %}
    {%- set rest = messages %}
{%- endif %}
{%- set questions = rest | selectattr('role', 'equalto', 'user') | list %}
{%- set ns = namespace(index=0) %}
{%- for message in rest %}
    {%- if not (message.role == 'tool' or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message['role'] == 'user') != (ns.index % 2 == 0) %}{{- raise_exception('Roles must take turns: user, assistant, user') }}{%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}
{{- bos_token }}
{%- for message in rest %}
    {%- if message['role'] == 'user' %}
        {%- if tools is not none and (message == questions[-1]) %}
            {{- '[AVAILABLE_TOOLS] [' }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, value in tool.items() if key != 'return' %}
                    {%- if value is string %}{{- '"' + key + '": "' + value + '"' }}{%- else %}{{- '"' + key + '": ' + value | tojson }}{%- endif %}
                    {%- if not loop.last %}{{- ', ' }}{%- endif %}
                {%- endfor %}
                {{- '}}' }}{{- ', ' if not loop.last else ']' }}
            {%- endfor %}
            {{- '[/AVAILABLE_TOOLS]' }}
        {%- endif %}
        {%- if loop.last and rules is defined %}
            {{- '[INST] ' + rules + '\\n\\n' + message['content'] + '[/INST]' }}
        {%- else %}
            {{- '[INST] ' + message['content'] + '[/INST]' }}
        {%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- '[TOOL_CALLS] [' }}
        {%- for tool_call in message.tool_calls %}
            {%- set out = tool_call.function | tojson %}
            {{- out[:-1] }}
            {%- if not tool_call.id is defined or tool_call.id | length != 9 %}{{- raise_exception('The id of a call has 9 characters!') }}{%- endif %}
            {{- ', "id": "' + tool_call.id + '"}' }}{{- ', ' if not loop.last else ']' + eos_token }}
        {%- endfor %}
    {%- elif message['role'] == 'assistant' %}
        {{- ' ' + message['content'] | trim + eos_token }}
    {%- elif message['role'] == 'tool' %}
        {%- if message.content is defined and message.content.content is defined %}{%- set content = message.content.content %}{%- else %}{%- set content = message.content %}{%- endif %}
        {{- '[TOOL_RESULTS] {"content": ' + content | string + ', "call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}
        {{- raise_exception('Only user, assistant and tool roles are known') }}
    {%- endif %}
{%- endfor %}
""",
    # Trims all, names the assistant model, takes content as a list of parts.
    "gemma": """{{ bos_token }}
{%- if messages[0]['role'] == 'system' -%}
    {%- if messages[0]['content'] is string -%}
        {%- set prefix = messages[0]['content'] + '\\n\\n' -%}
    {%- else -%}
        {%- set prefix = messages[0]['content'][0]['text'] + '\\n\\n' -%}
    {%- endif -%}
    {%- set rest = messages[1:] -%}
{%- else -%}
    {%- set prefix = '' -%}
    {%- set rest = messages -%}
{%- endif -%}
{%- for message in rest -%}
    {%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) -%}
        {{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
    {%- endif -%}
    {%- set role = 'model' if message['role'] == 'assistant' else message['role'] -%}
    {{ '<start_of_turn>' + role + '\\n' + (prefix if loop.first else '') }}
    {%- if message['content'] is string -%}
        {{ message['content'] | trim }}
    {%- elif message['content'] is iterable -%}
        {%- for item in message['content'] -%}
            {%- if item['type'] == 'image' -%}{{ '<start_of_image>' }}{%- elif item['type'] == 'text' -%}{{ item['text'] | trim }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{ raise_exception('Invalid content type') }}
    {%- endif -%}
    {{ '<end_of_turn>\\n' }}
{%- endfor -%}
{%- if add_generation_prompt -%}{{ '<start_of_turn>model\\n' }}{%- endif -%}
""",
    # Cuts reasoning off, collects system messages, takes names in roles from full-width signs.
    "deepseek r1": """{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}
{%- set ns = namespace(is_first=false, is_tool=false, rules='') %}
{%- for message in messages %}{%- if message['role'] == 'system' %}{%- set ns.rules = message['content'] %}{%- endif %}{%- endfor %}
{{- bos_token }}{{ ns.rules }}
{%- for message in messages %}
    {%- if message['role'] == 'user' %}
        {%- set ns.is_tool = false %}
        {{- '<｜User｜>' + message['content'] }}
    {%- endif %}
    {%- if message['role'] == 'assistant' and message['tool_calls'] is defined and message['tool_calls'] is not none %}
        {%- for tool in message['tool_calls'] %}
            {{- '<｜Assistant｜>' if loop.first else '\\n' }}
            {{- '<｜tool▁call▁begin｜>' + tool['type'] + '<｜tool▁sep｜>' + tool['function']['name'] + '\\n```json\\n' + tool['function']['arguments'] | tojson + '\\n```<｜tool▁call▁end｜>' }}
        {%- endfor %}
    {%- elif message['role'] == 'assistant' %}
        {%- if ns.is_tool %}
            {{- '<｜tool▁outputs▁end｜>' + message['content'] + '<｜end▁of▁sentence｜>' }}
            {%- set ns.is_tool = false %}
        {%- else %}
            {%- set content = message['content'] %}
            {%- if '</think>' in content %}{%- set content = content.split('</think>')[-1] %}{%- endif %}
            {{- '<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>' }}
        {%- endif %}
    {%- endif %}
    {%- if message['role'] == 'tool' %}
        {%- set ns.is_tool = true %}
        {{- '<｜tool▁output▁begin｜>' + message['content'] + '<｜tool▁output▁end｜>' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt and not ns.is_tool %}{{- '<｜Assistant｜><think>\\n' }}{%- endif %}""",
    # A macro that makes text of any content, reasoning in a block of its own, a sign for no thinking.
    "glm": """[gMASK]<sop>
{%- macro visible(content) -%}
    {%- if content is string -%}
        {{- content }}
    {%- elif content is iterable and content is not mapping -%}
        {%- for item in content -%}
            {%- if item is mapping and item.type == 'text' -%}{{- item.text }}{%- elif item is string -%}{{- item }}{%- endif -%}
        {%- endfor -%}
    {%- else -%}
        {{- content }}
    {%- endif -%}
{%- endmacro -%}
{%- for m in messages %}
{%- if m.role == 'user' -%}
<|user|>
{{ visible(m.content) }}
{{- '/nothink' if (enable_thinking is defined and not enable_thinking and not visible(m.content).endswith('/nothink')) else '' -}}
{%- elif m.role == 'assistant' -%}
<|assistant|>
{%- set content = visible(m.content) %}
{%- if m.reasoning_content is string %}
{{ '\\n<think>' + m.reasoning_content.strip() + '</think>' }}
{%- else %}
{{ '\\n<think></think>' }}
{%- endif %}
{%- if content.strip() -%}
{{ '\\n' + content.strip() }}
{%- endif -%}
{%- for call in m.tool_calls or [] %}
{{- '\\n<tool_call>' + call.function.name }}
{%- for key, value in call.function.arguments.items() %}
{{- '\\n<arg_key>' ~ key ~ '</arg_key>\\n<arg_value>' ~ (value if value is string else value | tojson(ensure_ascii=False)) ~ '</arg_value>' }}
{%- endfor %}
{{- '\\n</tool_call>' }}
{%- endfor %}
{%- elif m.role == 'tool' -%}
{{- '<|observation|>' if loop.first or loop.previtem.role != 'tool' }}
<tool_response>
{{ visible(m.content) }}
</tool_response>
{%- elif m.role == 'system' -%}
<|system|>
{{ visible(m.content) }}
{%- endif %}
{%- endfor %}
{{- '<|assistant|>' if add_generation_prompt }}""",
}


def escaped(text):
    return json.dumps(text, ensure_ascii=False)[1:-1]


def place(text, *spellings):
    """The span of the first spelling that the text has once."""
    for spelling in spellings:
        if text.count(spelling) == 1:
            start = text.index(spelling)
            return [start, start + len(spelling)]
    assert all(text.count(spelling) == 0 for spelling in spellings), (spellings, text)
    return None


def parts(message):
    """The parts of a message with what a template may write of them."""
    reasoning = message.get("reasoning_content")
    if reasoning:
        yield "reasoning", [reasoning.strip()]
    content = message.get("content")
    if isinstance(content, str) and content.strip():
        # What is left of a text whose reasoning was cut off.
        kept = content.split("</think>")[-1].strip()
        yield "content", list(dict.fromkeys([content.strip(), escaped(content.strip()), kept]))
    elif isinstance(content, list):
        for index, part in enumerate(content):
            yield f"part {index + 1}", [part["text"].strip()]


def main(path):
    tokenizer = AutoTokenizer.from_pretrained(str(Path(__file__).parent / "../fixtures/architectures/gpt2"))
    tokenizer.bos_token, tokenizer.eos_token = "<s>", "</s>"
    cases = []
    for name, template in TEMPLATES.items():
        for key, chat in CHATS.items():
            case = {"template": name, "chat": key}
            try:
                text = tokenizer.apply_chat_template(
                    chat["messages"],
                    tools=chat.get("tools"),
                    chat_template=template,
                    add_generation_prompt=True,
                    tokenize=False,
                    **chat.get("chat_template_kwargs", {}),
                )
            except Exception as error:
                cases.append({**case, "error": str(error)})
                continue
            spans = []
            for index, message in enumerate(chat["messages"]):
                spans.extend([index, part, place(text, *spellings)] for part, spellings in parts(message))
            cases.append({**case, "text": text, "spans": spans})
    golden = {"templates": TEMPLATES, "chats": CHATS, "cases": cases}
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=None) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
