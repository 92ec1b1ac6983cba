//! Address of the hub, cache folder and access token, from the environment variables of Python's
//! `huggingface_hub`, in its order.

use std::path::{Path, PathBuf};

use super::HubOptions;
use crate::{Error, Result};

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) cache: PathBuf,
    pub(super) endpoint: String,
    pub(super) token: Option<String>,
    pub(super) offline: bool,
}

impl Settings {
    /// The options, completed by `environment` (name of a variable to its value).
    pub(super) fn new(options: &HubOptions, environment: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        // An empty variable is one that is not set.
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        let is_true = |name: &str| {
            variable(name).is_some_and(|v| matches!(v.to_ascii_uppercase().as_str(), "1" | "ON" | "YES" | "TRUE"))
        };
        let user = || std::env::home_dir();
        let expand = |path: String| match (path.strip_prefix("~/"), user()) {
            (Some(rest), Some(user)) => user.join(rest),
            _ => PathBuf::from(path),
        };
        let home = || {
            let cache = || variable("XDG_CACHE_HOME").map(expand).or_else(|| user().map(|user| user.join(".cache")));
            variable("HF_HOME").map(expand).or_else(|| cache().map(|cache| cache.join("huggingface")))
        };
        let cache = options
            .cache
            .clone()
            .or_else(|| variable("HF_HUB_CACHE").or_else(|| variable("HUGGINGFACE_HUB_CACHE")).map(expand))
            .or_else(|| home().map(|home| home.join("hub")))
            .ok_or_else(|| {
                Error::argument(
                    "HF_HOME",
                    "no folder for downloaded models: set HF_HOME to one, or give a local folder as the model".into(),
                )
            })?;
        let cache = std::path::absolute(&cache).map_err(|source| Error::Io { path: cache, source })?;
        let endpoint = options
            .endpoint
            .clone()
            .or_else(|| variable("HF_ENDPOINT"))
            .unwrap_or_else(|| "https://huggingface.co".into());
        let saved = || {
            let path = variable("HF_TOKEN_PATH").map(expand).or_else(|| home().map(|home| home.join("token")))?;
            read_token(&path)
        };
        let token = options.token.clone().or_else(|| {
            if is_true("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
                return None;
            }
            variable("HF_TOKEN").or_else(|| variable("HUGGING_FACE_HUB_TOKEN")).or_else(saved)
        });
        let token = token.map(|token| token.trim().replace(['\r', '\n'], "")).filter(|token| !token.is_empty());
        let offline_variable =
            if variable("HF_HUB_OFFLINE").is_some() { "HF_HUB_OFFLINE" } else { "TRANSFORMERS_OFFLINE" };
        let offline = options.offline || is_true(offline_variable);
        Ok(Self { cache, endpoint: endpoint.trim_end_matches('/').to_string(), token, offline })
    }
}

fn read_token(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(options: &HubOptions, variables: &[(&str, &str)]) -> Settings {
        let environment =
            |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_string());
        Settings::new(options, &environment).unwrap()
    }

    #[test]
    fn the_cache_is_where_python_keeps_it() {
        let cache = |variables: &[(&str, &str)]| settings(&HubOptions::default(), variables).cache;
        assert_eq!(cache(&[("HF_HOME", "/h")]), Path::new("/h/hub"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(cache(&[("HF_HOME", "/h"), ("HUGGINGFACE_HUB_CACHE", "/old")]), Path::new("/old"));
        assert_eq!(cache(&[("XDG_CACHE_HOME", "/x"), ("HF_HOME", "")]), Path::new("/x/huggingface/hub"));
        let options = HubOptions { cache: Some("/mine".into()), ..HubOptions::default() };
        assert_eq!(settings(&options, &[("HF_HUB_CACHE", "/c")]).cache, Path::new("/mine"));
    }

    #[test]
    fn an_endpoint_and_offline_come_from_the_environment() {
        let none = HubOptions::default();
        assert_eq!(settings(&none, &[("HF_HOME", "/h")]).endpoint, "https://huggingface.co");
        assert_eq!(settings(&none, &[("HF_HOME", "/h"), ("HF_ENDPOINT", "http://x/")]).endpoint, "http://x");
        for (value, offline) in [("1", true), ("yes", true), ("ON", true), ("true", true), ("0", false), ("", false)] {
            assert_eq!(settings(&none, &[("HF_HOME", "/h"), ("HF_HUB_OFFLINE", value)]).offline, offline, "{value}");
        }
        assert!(settings(&none, &[("HF_HOME", "/h"), ("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert!(settings(&HubOptions { offline: true, ..none }, &[("HF_HOME", "/h")]).offline);
    }

    #[test]
    fn a_token_comes_from_the_options_the_environment_or_the_login() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), " saved\n").unwrap();
        let home = folder.path().to_str().unwrap();
        let token = |options: &HubOptions, more: &[(&str, &str)]| {
            settings(options, &[&[("HF_HOME", home)], more].concat()).token
        };
        let none = HubOptions::default();
        assert_eq!(token(&none, &[]).as_deref(), Some("saved"));
        assert_eq!(token(&none, &[("HF_TOKEN", "given")]).as_deref(), Some("given"));
        assert_eq!(token(&none, &[("HF_TOKEN", "given"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]), None);
        let options = HubOptions { token: Some("mine".into()), ..none };
        assert_eq!(token(&options, &[("HF_TOKEN", "given")]).as_deref(), Some("mine"));
        assert!(!format!("{options:?}").contains("mine"));
    }
}
