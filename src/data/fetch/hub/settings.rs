//! What the environment says of the hub.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The hub, the cache, and the user's token.
#[derive(Clone)]
pub(super) struct HubSettings {
    /// The address of the hub, without a closing slash.
    pub(super) endpoint: String,
    /// The folder of the cache.
    pub(super) cache: PathBuf,
    /// What is shown to the hub and to no other server.
    pub(super) token: Option<String>,
    /// Whether nothing may be downloaded.
    pub(super) is_offline: bool,
}

impl HubSettings {
    /// Those of the environment, in which an empty variable counts as none.
    pub(super) fn from_environment() -> Result<Self> {
        Self::of(|name| std::env::var(name).ok())
    }

    /// # Errors
    /// The endpoint is not a web address, or the token cannot be sent in a header.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let folder = |name: &str| variable(name).map(PathBuf::from);
        let home = folder("HF_HOME").unwrap_or_else(|| {
            let caches = folder("XDG_CACHE_HOME").or_else(|| {
                let user = folder("HOME").or_else(|| folder("USERPROFILE"));
                user.map(|user| user.join(".cache"))
            });
            caches.unwrap_or_default().join("huggingface")
        });
        let endpoint = variable("HF_ENDPOINT").unwrap_or_else(|| "https://huggingface.co".into());
        ensure!(
            endpoint.starts_with("http://") || endpoint.starts_with("https://"),
            "HF_ENDPOINT = {endpoint:?}: addresses must begin with http:// or https://"
        );
        let token_file = folder("HF_TOKEN_PATH").unwrap_or_else(|| home.join("token"));
        let token = variable("HF_TOKEN").or_else(|| read_token(&token_file));
        let token = token.map(|token| token.trim().to_owned());
        let is_token = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
        ensure!(
            token.as_ref().is_none_or(is_token),
            "the token of HF_TOKEN, or of {}, has spaces or characters that are not valid in a \
             token",
            token_file.display()
        );
        let is_offline = variable("HF_HUB_OFFLINE")
            .is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&&*value.to_uppercase()));
        Ok(Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            cache: folder("HF_HUB_CACHE").unwrap_or_else(|| home.join("hub")),
            token,
            is_offline,
        })
    }
}

/// What `hf auth login` has written.
fn read_token(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok().filter(|token| !token.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<HubSettings> {
        HubSettings::of(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn variables_mean_what_they_mean_to_other_programs() {
        let cache = |variables: &[(&str, &str)]| of(variables).unwrap().cache;
        let home = ("HOME", "/home/a");
        assert_eq!(cache(&[home]), Path::new("/home/a/.cache/huggingface/hub"));
        assert_eq!(cache(&[home, ("XDG_CACHE_HOME", "/x")]), Path::new("/x/huggingface/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "/h")]), Path::new("/h/hub"));
        assert_eq!(cache(&[home, ("HF_HOME", "/h"), ("HF_HUB_CACHE", "/c")]), Path::new("/c"));
        assert_eq!(of(&[]).unwrap().endpoint, "https://huggingface.co");
        assert_eq!(of(&[("HF_ENDPOINT", "http://a:1/")]).unwrap().endpoint, "http://a:1");
        assert!(of(&[("HF_ENDPOINT", "a:1")]).is_err());
        for (value, is_offline) in [("1", true), ("true", true), ("0", false), ("", false)] {
            assert_eq!(of(&[("HF_HUB_OFFLINE", value)]).unwrap().is_offline, is_offline, "{value}");
        }
    }

    #[test]
    fn a_token_is_a_variable_or_what_a_login_has_left() {
        let folder = tempfile::tempdir().unwrap();
        let home = ("HF_HOME", folder.path().to_str().unwrap());
        assert_eq!(of(&[home]).unwrap().token, None);
        std::fs::write(folder.path().join("token"), "hf_file\n").unwrap();
        assert_eq!(of(&[home]).unwrap().token.unwrap(), "hf_file");
        assert_eq!(of(&[home, ("HF_TOKEN", " hf_a ")]).unwrap().token.unwrap(), "hf_a");
        let error = of(&[home, ("HF_TOKEN", "a\r\nb: c")]).err().unwrap().to_string();
        assert!(error.contains("spaces or characters") && !error.contains("b: c"), "{error}");
    }
}
