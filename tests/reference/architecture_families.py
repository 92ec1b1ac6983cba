"""What each checkpoint of `architecture_checkpoints.py` is: its configuration, its tokenizer, and how its repository stores it."""

from dataclasses import dataclass, field

import torch


@dataclass
class Checkpoint:
    config: dict
    tokenizer: str
    generation: dict | None = None  # generation_config.json
    positions: int | None = None  # longest text of the tokenizer
    stored: str = "F32"
    pickled: bool = False
    shards: int = 1
    keep_tied: bool = False  # store tied weights under each of their names
    rename: list = field(default_factory=list)  # prefixes of names, as transformers has them and as the repository has them
    untied: bool = False  # give T5 a head of its own
    buffers: dict = field(default_factory=dict)  # what a repository stores though it is no weight
    spare_rows: int = 0  # rows of the embeddings that no token has
    embedding: float = 0.3  # standard deviation of the token embeddings
    gain: float = 1.2  # of the linear layers


def causal_buffers(names, positions):
    mask = torch.tril(torch.ones(positions, positions))[None, None]
    return {name: mask.clone() for name in names}


T5 = {"architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "is_encoder_decoder": True, "d_model": 16, "d_kv": 5,
      "num_heads": 4, "num_layers": 2, "num_decoder_layers": 2, "d_ff": 24, "relative_attention_num_buckets": 8,
      "layer_norm_epsilon": 1e-6, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1, "dropout_rate": 0.1,
      "initializer_factor": 1.0, "use_cache": True}
T5_GENERATION = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
GATED = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False, "relative_attention_max_distance": 20}
BART = {"architectures": ["BartForConditionalGeneration"], "model_type": "bart", "is_encoder_decoder": True, "d_model": 16,
        "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
        "encoder_ffn_dim": 24, "decoder_ffn_dim": 28, "max_position_embeddings": 48, "activation_function": "gelu", "dropout": 0.1,
        "attention_dropout": 0.1, "init_std": 0.02, "num_hidden_layers": 2, "scale_embedding": False, "normalize_before": False,
        "normalize_embedding": True, "add_final_layer_norm": False, "add_bias_logits": False, "gradient_checkpointing": False,
        "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 2, "forced_eos_token_id": 2,
        "classifier_dropout": 0.0, "use_cache": True}
GPT2 = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 16, "n_head": 4, "n_layer": 2, "n_positions": 40,
        "n_ctx": 40, "activation_function": "gelu_new", "attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-5, "summary_type": "cls_index", "summary_use_proj": True}
OPT = {"architectures": ["OPTForCausalLM"], "model_type": "opt", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
       "ffn_dim": 28, "max_position_embeddings": 48, "activation_function": "relu", "do_layer_norm_before": True,
       "word_embed_proj_dim": 16, "dropout": 0.1, "attention_dropout": 0.0, "init_std": 0.02, "layerdrop": 0.0, "prefix": "</s>",
       "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "use_cache": True}
OPT_GENERATION = {"_from_model_config": True, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}

CHECKPOINTS = {
    "t5": Checkpoint(
        {**T5, "feed_forward_proj": "relu", "n_positions": 512, "output_past": True},
        "t5", T5_GENERATION, positions=512, stored="F16", keep_tied=True, spare_rows=3, embedding=0.8, gain=2.0),
    "t5_gated": Checkpoint({**T5, **GATED, "num_layers": 2, "num_decoder_layers": 1}, "t5", T5_GENERATION, shards=2, untied=True),
    "byt5": Checkpoint(
        {**T5, **GATED, "num_layers": 3, "num_decoder_layers": 1, "d_ff": 20, "relative_attention_num_buckets": 16,
         "tokenizer_class": "ByT5Tokenizer"},
        "byt5", T5_GENERATION, stored="BF16", untied=True),
    "bart": Checkpoint(
        BART, "bart", {**{k: BART[k] for k in ("bos_token_id", "pad_token_id", "eos_token_id", "decoder_start_token_id")},
                       "forced_eos_token_id": 2, "forced_bos_token_id": 0, "no_repeat_ngram_size": 3, "num_beams": 4,
                       "early_stopping": True},
        stored="F16", positions=48, keep_tied=True),
    "gpt2": Checkpoint(
        {**GPT2, "bos_token_id": "LAST", "eos_token_id": "LAST", "task_specific_params": {"text-generation": {"max_length": 50}}},
        "gpt2", {"_from_model_config": True, "bos_token_id": "LAST", "eos_token_id": "LAST"}, positions=40,
        rename=[("transformer.", "")],
        buffers=causal_buffers(["h.0.attn.bias", "h.1.attn.bias"], 40)),
    "gpt2_scaled": Checkpoint(
        {**GPT2, "n_layer": 3, "n_inner": 20, "activation_function": "gelu", "scale_attn_by_inverse_layer_idx": True,
         "reorder_and_upcast_attn": True, "bos_token_id": "LAST", "eos_token_id": "LAST"},
        "gpt2", stored="F16", pickled=True, positions=40, keep_tied=True),
    "opt": Checkpoint(OPT, "opt", OPT_GENERATION, stored="F16", pickled=True, keep_tied=True),
    "opt_post_norm": Checkpoint({**OPT, "do_layer_norm_before": False, "word_embed_proj_dim": 10}, "opt", OPT_GENERATION,
                                rename=[("model.decoder.", "decoder.")]),
    "galactica": Checkpoint(
        {**OPT, "activation_function": "gelu", "enable_bias": False, "layer_norm_elementwise_affine": False, "learned_embeddings": True,
         "scale_embeddings": False, "bos_token_id": 0, "prefix": None},
        "galactica", {**OPT_GENERATION, "bos_token_id": 0}),
    "bloom": Checkpoint(
        {"architectures": ["BloomForCausalLM"], "model_type": "bloom", "n_embed": 18, "n_layer": 2, "num_attention_heads": 3,
         "layer_norm_epsilon": 1e-5, "initializer_range": 0.02, "apply_residual_connection_post_layernorm": False, "attention_dropout": 0.0,
         "attention_softmax_in_fp32": True, "bias_dropout_fusion": True, "hidden_dropout": 0.0, "masked_softmax_fusion": True,
         "offset_alibi": 100, "pretraining_tp": 2, "seq_length": 2048, "skip_bias_add": True, "slow_but_exact": False,
         "unk_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "use_cache": True},
        "bloom", stored="F16", rename=[("transformer.", "")], embedding=0.6, gain=2.0),
    "bloom_post_norm": Checkpoint(
        {"architectures": ["BloomForCausalLM"], "model_type": "bloom", "hidden_size": 16, "n_layer": 2, "n_head": 4,
         "layer_norm_epsilon": 1e-5, "apply_residual_connection_post_layernorm": True, "bos_token_id": 1, "eos_token_id": 2,
         "pad_token_id": 3},
        "bloom", stored="BF16"),
}
