"""What transformers knows that is not loaded here: encoders, wrappers of language models, quantization schemes.

    python checkpoint_refusals.py ../fixtures/checkpoint/refusals.json

Made with transformers 5.23.0.
"""

import json
import sys
from pathlib import Path

from transformers.models.auto import modeling_auto as auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

# What a configuration cannot be made without.
ARGUMENTS = {
    "gptq": {"bits": 4},
    "bitsandbytes_4bit": {"load_in_4bit": True, "bnb_4bit_quant_type": "nf4"},
    "bitsandbytes_8bit": {"load_in_8bit": True},
    "torchao": {"quant_type": None},
}
# Models with masked and causal heads that are no encoders by design.
NOT_ENCODERS = {"reformer", "xlm"}


def encoders():
    masked = set(auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)
    return sorted(masked - set(auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES) - NOT_ENCODERS)


def wrappers():
    """The type of the language model inside, by the type of the wrapper."""
    found = {}
    for model_type in CONFIG_MAPPING.keys():
        if "text_config" not in getattr(CONFIG_MAPPING[model_type], "sub_configs", {}):
            continue
        try:
            inner = CONFIG_MAPPING[model_type]().text_config.model_type
        except Exception as error:  # noqa: BLE001
            print(f"{model_type}: no default configuration ({type(error).__name__})", file=sys.stderr)
            continue
        found[model_type] = inner
    return dict(sorted(found.items()))


def generators():
    names = {*auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES, *auto.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES}
    return sorted(names)


def quantized():
    found = {}
    for method, config in AUTO_QUANTIZATION_CONFIG_MAPPING.items():
        try:
            fields = config(**ARGUMENTS.get(method, {})).to_dict()
        except Exception as error:  # noqa: BLE001
            print(f"{method}: no default configuration ({type(error).__name__}: {error})", file=sys.stderr)
            fields = {"quant_method": method}
        found[method] = json.loads(json.dumps(fields, default=str))
    return found


def main(path):
    facts = {"encoders": encoders(), "wrappers": wrappers(), "generators": generators(), "quantized": quantized()}
    path.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
