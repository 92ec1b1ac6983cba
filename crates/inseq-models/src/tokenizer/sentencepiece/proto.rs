//! The fields of `sentencepiece_model.proto` that cutting, joining and numbering need.
#![allow(missing_docs)]

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::tokenizer) struct ModelProto {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::tokenizer) pieces: Vec<Piece>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::tokenizer) trainer_spec: Option<TrainerSpec>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::tokenizer) normalizer_spec: Option<NormalizerSpec>,
    #[prost(message, optional, tag = "5")]
    pub(in crate::tokenizer) denormalizer_spec: Option<NormalizerSpec>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::tokenizer) struct Piece {
    #[prost(string, optional, tag = "1")]
    pub(in crate::tokenizer) piece: Option<String>,
    #[prost(float, optional, tag = "2")]
    pub(in crate::tokenizer) score: Option<f32>,
    #[prost(enumeration = "PieceType", optional, tag = "3", default = "Normal")]
    pub(in crate::tokenizer) r#type: Option<i32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(in crate::tokenizer) enum PieceType {
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::tokenizer) struct TrainerSpec {
    #[prost(enumeration = "ModelType", optional, tag = "3", default = "Unigram")]
    pub(in crate::tokenizer) model_type: Option<i32>,
    #[prost(bool, tag = "24")]
    pub(in crate::tokenizer) treat_whitespace_as_suffix: bool,
    #[prost(bool, tag = "35")]
    pub(in crate::tokenizer) byte_fallback: bool,
    #[prost(int32, optional, tag = "40", default = "0")]
    pub(in crate::tokenizer) unk_id: Option<i32>,
    #[prost(int32, optional, tag = "41", default = "1")]
    pub(in crate::tokenizer) bos_id: Option<i32>,
    #[prost(int32, optional, tag = "42", default = "2")]
    pub(in crate::tokenizer) eos_id: Option<i32>,
    #[prost(string, optional, tag = "45", default = "<unk>")]
    pub(in crate::tokenizer) unk_piece: Option<String>,
    #[prost(string, optional, tag = "46", default = "<s>")]
    pub(in crate::tokenizer) bos_piece: Option<String>,
    #[prost(string, optional, tag = "47", default = "</s>")]
    pub(in crate::tokenizer) eos_piece: Option<String>,
    #[prost(string, optional, tag = "44")]
    pub(in crate::tokenizer) unk_surface: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, prost::Enumeration)]
#[repr(i32)]
pub(in crate::tokenizer) enum ModelType {
    Unigram = 1,
    Bpe = 2,
    Word = 3,
    Char = 4,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(in crate::tokenizer) struct NormalizerSpec {
    #[prost(bytes = "vec", optional, tag = "2")]
    pub(in crate::tokenizer) precompiled_charsmap: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "3", default = "true")]
    pub(in crate::tokenizer) add_dummy_prefix: Option<bool>,
    #[prost(bool, optional, tag = "4", default = "true")]
    pub(in crate::tokenizer) remove_extra_whitespaces: Option<bool>,
    #[prost(bool, optional, tag = "5", default = "true")]
    pub(in crate::tokenizer) escape_whitespaces: Option<bool>,
}
