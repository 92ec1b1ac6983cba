//! Language tokens of translation models.

use indexmap::IndexMap;
use inseq_core::did_you_mean;

use super::configuration::Configuration;
use super::{Role, TokenizerOptions};
use crate::{Error, Result};

/// The languages of a family, in the order of their ids.
#[derive(Debug)]
pub(super) struct Languages {
    codes: &'static str,
    /// Spelling of a code as a token.
    spelling: Spelling,
    place: Place,
    default_source: &'static str,
    /// Whether the default language of a target is that of the source.
    target_is_source: bool,
}

#[derive(Clone, Copy, Debug)]
enum Spelling {
    Plain,
    /// `__fr__`
    Underlined,
}

/// Place of the language token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Before the text, which ends with `</s>`.
    Before,
    /// After the text and its `</s>`.
    After,
}

/// mBART (Liu et al., 2020, <https://arxiv.org/abs/2001.08210>).
pub(super) static MBART: Languages = Languages {
    codes: "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP \
     nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN",
    spelling: Spelling::Plain,
    place: Place::After,
    default_source: "en_XX",
    target_is_source: true,
};

/// mBART-50 (Tang et al., 2020, <https://arxiv.org/abs/2008.00401>).
pub(super) static MBART50: Languages = Languages {
    codes: "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT lv_LV my_MM ne_NP \
     nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN af_ZA az_AZ bn_IN fa_IR he_IL hr_HR id_ID ka_GE km_KH mk_MK ml_IN \
     mn_MN mr_IN pl_PL ps_AF pt_XX sv_SE sw_KE ta_IN te_IN th_TH tl_XX uk_UA ur_PK xh_ZA gl_ES sl_SI",
    spelling: Spelling::Plain,
    place: Place::Before,
    default_source: "en_XX",
    target_is_source: true,
};

/// NLLB-200 (NLLB Team, 2022, <https://arxiv.org/abs/2207.04672>).
pub(super) static NLLB: Languages = Languages {
    codes: "ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab arb_Arab ars_Arab \
     ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl \
     bem_Latn ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn \
     cjk_Latn ckb_Arab crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn \
     est_Latn eus_Latn ewe_Latn fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn \
     gle_Latn glg_Latn grn_Latn guj_Gujr hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn \
     ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab \
     kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn \
     kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lij_Latn lim_Latn lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn \
     lua_Latn lug_Latn luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva min_Latn mkd_Cyrl plt_Latn mlt_Latn \
     mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn npi_Deva nso_Latn nus_Latn \
     nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn por_Latn prs_Arab pbt_Arab quy_Latn \
     ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn smo_Latn \
     sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn \
     szl_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn \
     tso_Latn tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn \
     vie_Latn war_Latn wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zul_Latn",
    spelling: Spelling::Plain,
    place: Place::Before,
    default_source: "eng_Latn",
    target_is_source: true,
};

/// M2M-100 (Fan et al., 2020, <https://arxiv.org/abs/2010.11125>).
pub(super) static M2M100: Languages = Languages {
    codes: "af am ar ast az ba be bg bn br bs ca ceb cs cy da de el en es et fa ff fi fr fy ga gd gl gu ha he hi hr ht \
     hu hy id ig ilo is it ja jv ka kk km kn ko lb lg ln lo lt lv mg mk ml mn mr ms my ne nl no ns oc or pa pl ps \
     pt ro ru sd si sk sl so sq sr ss su sv sw ta th tl tn tr uk ur uz vi wo xh yi yo zh zu",
    spelling: Spelling::Underlined,
    place: Place::Before,
    default_source: "en",
    target_is_source: false,
};

/// The models of WMT 2021 (Tran et al., 2021, <https://arxiv.org/abs/2108.03265>).
pub(super) static WMT21: Languages = Languages {
    codes: "en ha is ja cs ru zh de",
    spelling: Spelling::Underlined,
    place: Place::Before,
    default_source: "en",
    target_is_source: false,
};

impl Languages {
    /// All codes, in the order of their ids.
    pub(super) fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.codes.split(' ')
    }

    /// The token of a code.
    pub(super) fn token(&self, code: &str) -> String {
        match self.spelling {
            Spelling::Plain => code.to_string(),
            Spelling::Underlined => format!("__{code}__"),
        }
    }
}

/// The languages of one tokenizer.
#[derive(Debug)]
pub(super) struct Translation {
    /// Ids by code.
    ids: IndexMap<String, u32>,
    place: Place,
    source: u32,
    target: Option<u32>,
    /// Whether the caller chose the target language.
    is_target_chosen: bool,
}

impl Translation {
    /// The languages of the caller's options or, by default, of `tokenizer_config.json`.
    ///
    /// # Errors
    /// A language is unknown; the error names the known ones.
    pub(super) fn new(
        languages: &Languages,
        configuration: &Configuration,
        options: &TokenizerOptions,
        id: impl Fn(&str) -> Option<u32>,
    ) -> Result<Self> {
        let mut ids: IndexMap<String, u32> =
            languages.codes().filter_map(|code| Some((code.to_string(), id(&languages.token(code))?))).collect();
        // Languages that somebody taught a model are special tokens like the others.
        let is_named = |content: &str| configuration.named_tokens().any(|token| token.content == content);
        for token in configuration.extra_tokens().iter().filter(|token| token.special && !is_named(&token.content)) {
            if !languages.codes().any(|code| languages.token(code) == token.content) {
                ids.extend(id(&token.content).map(|id| (token.content.clone(), id)));
            }
        }
        let find = |code: &str| ids.get(code).copied().ok_or_else(|| unknown(code, &ids));
        let configured = |name: &str| match configuration.text(name).filter(|code| !code.is_empty()) {
            Some(code) => find(code)
                .map(Some)
                .map_err(|e| Error::checkpoint("tokenizer_config.json", format!("`{name}`: {e}")).caused_by(e)),
            None => Ok(None),
        };
        let source = match &options.source_language {
            Some(code) => find(code)?,
            None => match configured("src_lang")? {
                Some(id) => id,
                None => find(languages.default_source)?,
            },
        };
        let target = match &options.target_language {
            Some(code) => Some(find(code)?),
            None => configured("tgt_lang")?.or(languages.target_is_source.then_some(source)),
        };
        let is_after = languages.place == Place::After || configuration.flag("legacy_behaviour");
        Ok(Self {
            place: if is_after { Place::After } else { Place::Before },
            source,
            target,
            is_target_chosen: options.target_language.is_some(),
            ids,
        })
    }

    /// The ids before and after a text.
    ///
    /// # Errors
    /// The target language is not set.
    pub(super) fn frame(&self, role: Role, eos: Option<u32>) -> Result<(Vec<u32>, Vec<u32>)> {
        let language = match role {
            Role::Source => self.source,
            Role::Target => self.target.ok_or_else(|| {
                Error::argument(
                    "target_language",
                    format!("the target's language is not said; choose a `target_language` of {}", list(&self.ids)),
                )
            })?,
        };
        Ok(match self.place {
            Place::Before => (vec![language], eos.into_iter().collect()),
            Place::After => (Vec::new(), eos.into_iter().chain([language]).collect()),
        })
    }

    /// The id of a language.
    ///
    /// # Errors
    /// The language is unknown; the error names the known ones.
    pub(super) fn id(&self, code: &str) -> Result<u32> {
        self.ids.get(code).copied().ok_or_else(|| unknown(code, &self.ids))
    }

    pub(super) fn codes(&self) -> impl Iterator<Item = &str> {
        self.ids.keys().map(String::as_str)
    }

    /// Id of the token at the start of a translation, if the caller chose the target language.
    pub(super) fn forced(&self) -> Option<u32> {
        self.target.filter(|_| self.is_target_chosen)
    }
}

fn unknown(code: &str, ids: &IndexMap<String, u32>) -> Error {
    let near = did_you_mean(code, ids.keys().map(String::as_str), 1);
    Error::argument("language", format!("the language `{code}` is unknown; choose from {}{near}", list(ids)))
}

fn list(ids: &IndexMap<String, u32>) -> String {
    ids.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
