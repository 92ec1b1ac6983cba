"""What each encoder-decoder checkpoint of `architecture_checkpoints.py` is: its configuration, its tokenizer, and how its repository
stores it.
"""

from architecture_spec import Checkpoint

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
FAIRSEQ = {name: value for name, value in BART.items() if name not in ("architectures", "model_type", "normalize_before")}

ENCODER_DECODERS = {
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
    "marian": Checkpoint(
        {**FAIRSEQ, "architectures": ["MarianMTModel"], "model_type": "marian", "activation_function": "swish", "scale_embedding": True,
         "static_position_embeddings": True, "pad_token_id": "@<pad>", "bos_token_id": 0, "eos_token_id": 0,
         "decoder_start_token_id": "@<pad>", "forced_eos_token_id": 0, "bad_words_ids": [["@<pad>"]]},
        "marian", {"bad_words_ids": [["@<pad>"]], "bos_token_id": 0, "decoder_start_token_id": "@<pad>", "eos_token_id": 0,
                   "forced_eos_token_id": 0, "max_length": 40, "num_beams": 6, "pad_token_id": "@<pad>"},
        stored="F16", positions=48),
    "mbart": Checkpoint(
        {**FAIRSEQ, "architectures": ["MBartForConditionalGeneration"], "model_type": "mbart", "scale_embedding": True,
         "normalize_before": True, "add_final_layer_norm": True, "static_position_embeddings": False,
         "decoder_start_token_id": "@ro_RO"},
        "mbart", {"bos_token_id": 0, "decoder_start_token_id": "@ro_RO", "early_stopping": True, "eos_token_id": 2,
                  "forced_eos_token_id": 2, "num_beams": 5, "pad_token_id": 1},
        stored="F16", positions=48, embedding=0.15, gain=2.0),
    "pegasus": Checkpoint(
        {**FAIRSEQ, "architectures": ["PegasusForConditionalGeneration"], "model_type": "pegasus", "activation_function": "relu",
         "scale_embedding": True, "normalize_before": True, "normalize_embedding": False, "add_final_layer_norm": True,
         "static_position_embeddings": True, "extra_pos_embeddings": 1, "bos_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
         "decoder_start_token_id": 0, "forced_eos_token_id": 1},
        "pegasus", {"bos_token_id": 0, "decoder_start_token_id": 0, "eos_token_id": 1, "forced_eos_token_id": 1,
                    "length_penalty": 0.6, "num_beams": 8, "pad_token_id": 0},
        stored="BF16", pickled=True, positions=48, embedding=0.15, gain=2.0),
    "m2m_100": Checkpoint(
        {**FAIRSEQ, "architectures": ["M2M100ForConditionalGeneration"], "model_type": "m2m_100", "activation_function": "relu",
         "scale_embedding": True, "encoder_layerdrop": 0.05, "decoder_layerdrop": 0.05, "forced_eos_token_id": None,
         "early_stopping": True},
        "m2m_100", {"bos_token_id": 0, "decoder_start_token_id": 2, "early_stopping": True, "eos_token_id": 2, "forced_bos_token_id": "@__fr__",
                    "num_beams": 5, "pad_token_id": 1},
        stored="F16", positions=48, embedding=0.15, gain=2.0),
    "mt5": Checkpoint(
        {**T5, "architectures": ["MT5ForConditionalGeneration"], "model_type": "mt5", "feed_forward_proj": "gated-gelu",
         "is_gated_act": True, "dense_act_fn": "gelu_new", "tie_word_embeddings": False, "tokenizer_class": "T5Tokenizer"},
        "t5", T5_GENERATION, stored="BF16", untied=True),
    "umt5": Checkpoint(
        {**T5, "architectures": ["UMT5ForConditionalGeneration"], "model_type": "umt5", "feed_forward_proj": "gated-gelu",
         "relative_attention_max_distance": 16, "scalable_attention": True, "tie_word_embeddings": False},
        "t5", T5_GENERATION, stored="F16", untied=True),
}
