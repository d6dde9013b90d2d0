//! Other credentials, another server. Its promise: an entry stands before the change takes effect.

use super::{Client, not_recorded};
use crate::kling::{credentials::Credentials, error::Error, region::Region, request::Standard, rules};

impl Client {
    /// Uses other credentials from now on; what is underway ends with the old ones. Clones do so too.
    ///
    /// Recorded as `auth_event` `credential_changed` before the new ones are used.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a blank key, [`Error::NotRecorded`]: the old ones stay.
    pub async fn change_credentials(&self, credentials: Credentials) -> Result<(), Error> {
        if let Some(setting) = credentials.blank() {
            return Err(Error::Configuration { setting, rule: "must not be blank".to_owned() });
        }
        let from = self.inner.tokens.credentials().access_key_prefix();
        self.recorder
            .credential_changed(&from, &credentials.access_key_prefix(), credentials.kind())
            .await
            .map_err(not_recorded("change_credentials", "auth_event"))?;
        self.inner.tokens.change(credentials).await;
        Ok(())
    }

    /// Sends later requests to another of the vendor's servers. Clones do so too.
    ///
    /// # Errors
    ///
    /// As [`change_base_url`](Client::change_base_url). The entry's `setting` is `region`.
    pub async fn change_region(&self, region: Region) -> Result<(), Error> {
        self.change_server("region", region.base_url()).await
    }

    /// Sends later requests to another server. Clones do so too.
    ///
    /// Recorded as `config_changed`, before it is used or since it was refused.
    ///
    /// # Errors
    ///
    /// [`Error::Configuration`] for a URL that can't be used, such as one of `http` that is not of this machine;
    /// [`Error::NotRecorded`]. The old server stays.
    pub async fn change_base_url(&self, base_url: &str) -> Result<(), Error> {
        self.change_server("base_url", base_url).await
    }

    async fn change_server(&self, setting: &'static str, base_url: &str) -> Result<(), Error> {
        let from = self.inner.exchange.base();
        let missing = || not_recorded("change_base_url", "config_changed");
        match self.inner.exchange.check_base(base_url) {
            Ok(base) => {
                self.recorder.config_changed(setting, &from, &base, None).await.map_err(missing())?;
                self.inner.exchange.set_base(base);
                Ok(())
            }
            Err(error) => {
                // What was refused may hold a password: its host is enough.
                let host = rules::host(base_url).unwrap_or_default();
                let reason = error.to_string();
                self.recorder.config_changed(setting, &from, &host, Some(&reason)).await.map_err(missing())?;
                Err(error)
            }
        }
    }

    /// Endpoints of the new design take no token of a key pair.
    pub(crate) fn check_standard(&self, standard: Standard) -> Result<(), Error> {
        if standard == Standard::New && self.inner.tokens.credentials().pair().is_some() {
            let rule = "must be an API key for endpoints that name the model in their path".to_owned();
            return Err(Error::Configuration { setting: "credentials", rule });
        }
        Ok(())
    }
}
