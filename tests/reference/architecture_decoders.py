"""What each decoder-only checkpoint of `architecture_checkpoints.py` is: its configuration, its tokenizer, and how its repository stores
it.
"""

import torch

from architecture_spec import END_ID, Checkpoint, causal_buffers

GPT2 = {"architectures": ["GPT2LMHeadModel"], "model_type": "gpt2", "n_embd": 16, "n_head": 4, "n_layer": 2, "n_positions": 40,
        "n_ctx": 40, "activation_function": "gelu_new", "attn_pdrop": 0.1, "embd_pdrop": 0.1, "resid_pdrop": 0.1,
        "initializer_range": 0.02, "layer_norm_epsilon": 1e-5, "summary_type": "cls_index", "summary_use_proj": True}
OPT = {"architectures": ["OPTForCausalLM"], "model_type": "opt", "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
       "ffn_dim": 28, "max_position_embeddings": 48, "activation_function": "relu", "do_layer_norm_before": True,
       "word_embed_proj_dim": 16, "dropout": 0.1, "attention_dropout": 0.0, "init_std": 0.02, "layerdrop": 0.0, "prefix": "</s>",
       "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1, "use_cache": True}
OPT_GENERATION = {"_from_model_config": True, "bos_token_id": 2, "eos_token_id": 2, "pad_token_id": 1}
GPT_NEOX = {"architectures": ["GPTNeoXForCausalLM"], "model_type": "gpt_neox", "bos_token_id": 0, "eos_token_id": 0, "hidden_act": "gelu",
            "hidden_size": 16, "initializer_range": 0.02, "intermediate_size": 24, "layer_norm_eps": 1e-5, "max_position_embeddings": 48,
            "num_attention_heads": 2, "num_hidden_layers": 2, "rotary_emb_base": 10000, "rotary_pct": 0.25, "tie_word_embeddings": False,
            "torch_dtype": "float16", "use_cache": True, "use_parallel_residual": True}
NEOX_BUFFERS = {
    **causal_buffers([f"gpt_neox.layers.{i}.attention.bias" for i in (0, 1)], 48, torch.uint8),
    **{f"gpt_neox.layers.{i}.attention.masked_bias": torch.tensor(-1e9) for i in (0, 1)},
    **{f"gpt_neox.layers.{i}.attention.rotary_emb.inv_freq": torch.ones(1, dtype=torch.float16) for i in (0, 1)},
}
GPT_NEO = {"architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "activation_function": "gelu_new", "attention_dropout": 0,
           "attention_layers": ["global", "local"], "attention_types": [[["global", "local"], 1]], "bos_token_id": END_ID,
           "embed_dropout": 0, "eos_token_id": END_ID, "hidden_size": 16, "initializer_range": 0.02, "intermediate_size": None,
           "layer_norm_epsilon": 1e-5, "max_position_embeddings": 48, "num_heads": 4, "num_layers": 2, "resid_dropout": 0,
           "use_cache": True, "window_size": 4}
NEO_BUFFERS = {
    **causal_buffers([f"transformer.h.{i}.attn.attention.bias" for i in (0, 1)], 48, torch.uint8),
    **{f"transformer.h.{i}.attn.attention.masked_bias": torch.tensor(-1e9) for i in (0, 1)},
}
GPTJ = {"architectures": ["GPTJForCausalLM"], "model_type": "gptj", "activation_function": "gelu_new", "attn_pdrop": 0.0,
        "bos_token_id": END_ID, "embd_pdrop": 0.0, "eos_token_id": END_ID, "initializer_range": 0.02, "layer_norm_epsilon": 1e-5, "n_embd": 16,
        "n_head": 2, "n_inner": None, "n_layer": 2, "n_positions": 48, "resid_pdrop": 0.0, "rotary": True, "rotary_dim": 4,
        "scale_attn_weights": True, "tie_word_embeddings": False, "use_cache": True}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "bos_token_id": 1, "eos_token_id": 2, "hidden_act": "silu",
         "hidden_size": 16, "initializer_range": 0.02, "intermediate_size": 24, "max_position_embeddings": 64, "num_attention_heads": 4,
         "num_hidden_layers": 2, "num_key_value_heads": 4, "pretraining_tp": 1, "rms_norm_eps": 1e-5, "rope_scaling": None,
         "tie_word_embeddings": False, "use_cache": True}
LLAMA3_EOS = ["@<|end_of_text|>", "@<|eot_id|>"]
MISTRAL = {**LLAMA, "architectures": ["MistralForCausalLM"], "model_type": "mistral", "num_key_value_heads": 2, "rope_theta": 100.0,
           "sliding_window": 5}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", "attention_dropout": 0.0, "bos_token_id": END_ID,
         "eos_token_id": "@<|im_end|>", "hidden_act": "silu", "hidden_size": 16, "initializer_range": 0.02, "intermediate_size": 24,
         "max_position_embeddings": 64, "max_window_layers": 1, "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2,
         "rms_norm_eps": 1e-6, "rope_theta": 1000.0, "sliding_window": 4, "tie_word_embeddings": True, "use_cache": True,
         "use_sliding_window": False}
QWEN_GENERATION = {"bos_token_id": END_ID, "do_sample": True, "eos_token_id": ["@<|im_end|>", END_ID], "pad_token_id": END_ID,
                   "repetition_penalty": 1.1, "temperature": 0.7, "top_k": 20, "top_p": 0.8}
GEMMA = {"architectures": ["GemmaForCausalLM"], "model_type": "gemma", "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 2,
         "eos_token_id": 1, "head_dim": 6, "hidden_act": "gelu", "hidden_size": 20, "initializer_range": 0.02, "intermediate_size": 24,
         "max_position_embeddings": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 1, "pad_token_id": 0,
         "rms_norm_eps": 1e-6, "rope_theta": 100.0, "torch_dtype": "bfloat16", "use_cache": True}
GEMMA_GENERATION = {"_from_model_config": True, "bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
GEMMA2 = {**GEMMA, "architectures": ["Gemma2ForCausalLM"], "model_type": "gemma2", "num_key_value_heads": 2,
          "hidden_act": "gelu_pytorch_tanh", "hidden_activation": "gelu_pytorch_tanh", "cache_implementation": "hybrid",
          "query_pre_attn_scalar": 10, "sliding_window": 4, "attn_logit_softcapping": 2.0, "final_logit_softcapping": 3.0}
GEMMA3 = {"architectures": ["Gemma3ForCausalLM"], "model_type": "gemma3_text", "attention_bias": False, "attention_dropout": 0.0,
          "attn_logit_softcapping": None, "bos_token_id": 2, "cache_implementation": "hybrid", "eos_token_id": [1, "@."],
          "final_logit_softcapping": None, "head_dim": 6, "hidden_activation": "gelu_pytorch_tanh", "hidden_size": 20,
          "initializer_range": 0.02, "intermediate_size": 24, "max_position_embeddings": 64, "num_attention_heads": 4,
          "num_hidden_layers": 3, "num_key_value_heads": 1, "pad_token_id": 0, "query_pre_attn_scalar": 10, "rms_norm_eps": 1e-6,
          "rope_local_base_freq": 10, "rope_scaling": {"factor": 2.0, "rope_type": "linear"}, "rope_theta": 1000,
          "sliding_window": 4, "sliding_window_pattern": 3, "torch_dtype": "bfloat16", "use_cache": True}
PHI3 = {"architectures": ["Phi3ForCausalLM"], "model_type": "phi3", "attention_bias": False, "attention_dropout": 0.0, "bos_token_id": 1,
        "embd_pdrop": 0.0, "eos_token_id": END_ID, "hidden_act": "silu", "hidden_size": 16, "initializer_range": 0.02,
        "intermediate_size": 24, "max_position_embeddings": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 4,
        "original_max_position_embeddings": 64, "pad_token_id": END_ID, "resid_pdrop": 0.0, "rms_norm_eps": 1e-5, "rope_scaling": None,
        "rope_theta": 10000.0, "sliding_window": 6, "tie_word_embeddings": False, "use_cache": True}
PHI3_GENERATION = {"bos_token_id": 1, "eos_token_id": [END_ID, "@<|assistant|>", "@<|end|>"], "pad_token_id": END_ID}
OLMO2 = {"architectures": ["Olmo2ForCausalLM"], "model_type": "olmo2", "attention_bias": False, "attention_dropout": 0.0,
         "eos_token_id": "@<|endoftext|>", "hidden_act": "silu", "hidden_size": 16, "initializer_range": 0.02, "intermediate_size": 24,
         "max_position_embeddings": 64, "num_attention_heads": 4, "num_hidden_layers": 2, "num_key_value_heads": 2,
         "pad_token_id": "@<|padding|>", "rms_norm_eps": 1e-6, "rope_scaling": None, "rope_theta": 500.0, "tie_word_embeddings": False,
         "use_cache": True}
SMOLLM3 = {"architectures": ["SmolLM3ForCausalLM"], "model_type": "smollm3", "attention_bias": False, "attention_dropout": 0.0,
           "bos_token_id": "@<|begin_of_text|>", "eos_token_id": "@<|end_of_text|>", "hidden_act": "silu", "hidden_size": 16,
           "initializer_range": 0.02, "intermediate_size": 24, "max_position_embeddings": 64, "max_window_layers": 2, "mlp_bias": False,
           "no_rope_layer_interval": 4, "no_rope_layers": [1, 0, 1], "num_attention_heads": 4, "num_hidden_layers": 3,
           "num_key_value_heads": 2, "pad_token_id": "@<|end_of_text|>", "rms_norm_eps": 1e-6, "rope_scaling": None, "rope_theta": 5000.0,
           "sliding_window": None, "torch_dtype": "bfloat16", "use_cache": True, "use_sliding_window": False}

MIXTRAL = {**LLAMA, "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "attention_dropout": 0.0, "num_experts_per_tok": 2,
           "num_key_value_heads": 2, "num_local_experts": 4, "output_router_logits": False, "rope_theta": 1000.0,
           "router_aux_loss_coef": 0.02, "sliding_window": 5, "torch_dtype": "bfloat16"}
# As its repositories have it, with fields of the program that it was trained by.
LFM2 = {"architectures": ["Lfm2ForCausalLM"], "model_type": "lfm2", "block_auto_adjust_ff_dim": True, "block_dim": 16, "block_ff_dim": 34,
        "block_ffn_dim_multiplier": 1.0, "block_mlp_init_scale": 1.0, "block_multiple_of": 4, "block_norm_eps": 1e-5, "block_out_init_scale": 1.0,
        "block_use_swiglu": True, "block_use_xavier_init": True, "bos_token_id": "@<|begin_of_text|>", "conv_L_cache": 3, "conv_bias": False,
        "conv_dim": 16, "conv_dim_out": 16, "conv_use_xavier_init": True, "eos_token_id": "@<|eot_id|>", "full_attn_idxs": [1],
        "hidden_size": 16, "initializer_range": 0.02, "max_position_embeddings": 64, "norm_eps": 1e-5, "num_attention_heads": 4, "num_heads": 4,
        "num_hidden_layers": 3, "num_key_value_heads": 2, "pad_token_id": "@<|end_of_text|>", "rope_theta": 1000.0, "theta": 1000.0, "tie_embedding": True,
        "torch_dtype": "bfloat16", "use_cache": True, "use_pos_enc": True}

DECODERS = {
    "gpt2": Checkpoint(
        {**GPT2, "bos_token_id": END_ID, "eos_token_id": END_ID, "task_specific_params": {"text-generation": {"max_length": 50}}},
        "gpt2", {"_from_model_config": True, "bos_token_id": END_ID, "eos_token_id": END_ID}, positions=40,
        rename=[("transformer.", "")],
        buffers=causal_buffers(["h.0.attn.bias", "h.1.attn.bias"], 40)),
    "gpt2_scaled": Checkpoint(
        {**GPT2, "n_layer": 3, "n_inner": 20, "activation_function": "gelu", "scale_attn_by_inverse_layer_idx": True,
         "reorder_and_upcast_attn": True, "bos_token_id": END_ID, "eos_token_id": END_ID},
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
    "gpt_neox": Checkpoint(GPT_NEOX, "gpt_neox", {"_from_model_config": True, "bos_token_id": 0, "eos_token_id": 0},
                           stored="F16", rename=[("lm_head.", "embed_out.")], buffers=NEOX_BUFFERS, spare_rows=2),
    "gpt_neox_sequential": Checkpoint(
        {**GPT_NEOX, "hidden_act": "gelu_fast", "num_hidden_layers": 3, "rotary_pct": 1.0, "rotary_emb_base": 100,
         "use_parallel_residual": False},
        "gpt_neox", pickled=True, shards=2),
    "gpt_neo": Checkpoint(GPT_NEO, "gpt2", pickled=True, buffers=NEO_BUFFERS, positions=48),
    "gptj": Checkpoint(GPTJ, "gpt2", {"_from_model_config": True, "bos_token_id": END_ID, "eos_token_id": END_ID}, stored="F16", spare_rows=2),
    "llama": Checkpoint(LLAMA, "llama", {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
                        stored="F16", shards=2),
    "llama3": Checkpoint(
        {**LLAMA, "bos_token_id": "@<|begin_of_text|>", "eos_token_id": LLAMA3_EOS, "head_dim": 8, "num_key_value_heads": 2,
         "attention_bias": False, "mlp_bias": False, "rope_theta": 50.0, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
         "rope_scaling": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32,
                          "rope_type": "llama3"}},
        "llama3", {"bos_token_id": "@<|begin_of_text|>", "do_sample": True, "eos_token_id": LLAMA3_EOS, "temperature": 0.6, "top_p": 0.9},
        stored="BF16"),
    "llama_biased": Checkpoint(
        {**LLAMA, "num_key_value_heads": 2, "attention_bias": True, "mlp_bias": True, "rope_scaling": {"type": "linear", "factor": 2.0}},
        "llama"),
    "mistral": Checkpoint(MISTRAL, "llama", {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2}, stored="BF16"),
    "mixtral": Checkpoint(MIXTRAL, "llama", {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2}, stored="BF16", shards=2,
                          as_saved=True),
    # Experts as transformers 5 has them in memory, in two tensors, and one of them for each token.
    "mixtral_joined": Checkpoint({**MIXTRAL, "num_experts_per_tok": 1, "num_local_experts": 3, "sliding_window": None,
                                  "tie_word_embeddings": True}, "llama"),
    "qwen2": Checkpoint(QWEN2, "qwen", QWEN_GENERATION, stored="BF16", spare_rows=3),
    "qwen2_yarn": Checkpoint(
        {**QWEN2, "use_sliding_window": True, "tie_word_embeddings": False, "rope_scaling": {
            "factor": 4.0, "original_max_position_embeddings": 16, "type": "yarn"}},
        "qwen"),
    "qwen3": Checkpoint(
        {**{k: v for k, v in QWEN2.items() if k != "rope_theta"}, "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3",
         "attention_bias": False, "head_dim": 6, "layer_types": ["full_attention", "full_attention"], "sliding_window": None,
         "dtype": "bfloat16", "rope_parameters": {"rope_theta": 1000.0, "rope_type": "default"}},
        "qwen", QWEN_GENERATION, stored="BF16"),
    "gemma": Checkpoint(GEMMA, "gemma", GEMMA_GENERATION, stored="BF16"),
    "gemma2": Checkpoint(GEMMA2, "gemma", GEMMA_GENERATION, stored="BF16", embedding=0.15),
    "gemma3_text": Checkpoint(GEMMA3, "gemma", {**GEMMA_GENERATION, "cache_implementation": "hybrid", "eos_token_id": [1, "@."]},
                              stored="BF16", embedding=0.15),
    "phi3": Checkpoint(PHI3, "phi3", PHI3_GENERATION, stored="BF16"),
    "phi3_longrope": Checkpoint(
        {**PHI3, "num_key_value_heads": 2, "max_position_embeddings": 256, "sliding_window": 256, "rope_scaling": {
            "long_factor": [1.5, 4.0], "short_factor": [1.25, 2.0], "type": "longrope"}},
        "phi3", PHI3_GENERATION, stored="BF16"),
    "olmo2": Checkpoint(OLMO2, "gpt_neox", {"_from_model_config": True, "eos_token_id": END_ID, "pad_token_id": "@<|padding|>"},
                        stored="BF16", spare_rows=1),
    "smollm3": Checkpoint(SMOLLM3, "llama3", {"bos_token_id": "@<|begin_of_text|>", "do_sample": True, "eos_token_id": LLAMA3_EOS,
                                              "temperature": 0.6, "top_p": 0.95}, stored="BF16"),
    # No file says where it does not rotate, and those layers see a window.
    "smollm3_window": Checkpoint(
        {**{k: v for k, v in SMOLLM3.items() if k not in ("no_rope_layers", "rope_theta", "torch_dtype")}, "no_rope_layer_interval": 2,
         "sliding_window": 4, "use_sliding_window": True}, "llama3"),
    "lfm2": Checkpoint(LFM2, "llama3", {"_from_model_config": True, "bos_token_id": "@<|begin_of_text|>", "eos_token_id": "@<|eot_id|>",
                                        "pad_token_id": "@<|end_of_text|>"}, stored="BF16"),
    "lfm2_biased": Checkpoint(
        {**{k: v for k, v in LFM2.items() if not k.startswith(("block_", "conv_", "full_", "rope_", "t"))}, "block_auto_adjust_ff_dim": False,
         "conv_L_cache": 4, "conv_bias": True, "intermediate_size": 20, "layer_types": ["full_attention", "conv", "conv"],
         "rope_parameters": {"rope_theta": 100.0, "rope_type": "default"}, "tie_word_embeddings": False}, "llama3"),
}
