//! Changes of credentials and server. Each change is recorded before it takes effect.

use crate::kling::{
    api::urls::host, auth::credentials::Credentials, client::connection::Connection, error::Error,
    events::account,
};

/// Uses other credentials from now on. Requests that are under way end with the old ones.
pub(crate) async fn change_credentials(
    connection: &Connection,
    credentials: Credentials,
) -> Result<(), Error> {
    if let Some(setting) = credentials.blank() {
        return Err(Error::Configuration { setting, rule: "must not be blank".to_owned() });
    }
    let from = connection.tokens().credentials().access_key_prefix();
    let (to, kind) = (credentials.access_key_prefix(), credentials.kind());
    account::credential_changed(connection.recorder(), &from, &to, kind)
        .await
        .map_err(Error::not_recorded("change_credentials", "auth_event"))?;
    // The entry is durable, so the trail names the credentials of every later request.
    connection.tokens().change(credentials).await;
    Ok(())
}

/// Sends later requests to another server. `setting` is the name that the entry gives the change.
pub(crate) async fn change_server(
    connection: &Connection,
    setting: &'static str,
    base_url: &str,
) -> Result<(), Error> {
    let (transport, recorder) = (connection.transport(), connection.recorder());
    let from = transport.base();
    let not_recorded = || Error::not_recorded("change_base_url", "config_changed");
    match transport.check_base(base_url) {
        Ok(base) => {
            account::config_changed(recorder, setting, &from, &base, None).await.map_err(not_recorded())?;
            transport.set_base(base);
            Ok(())
        }
        Err(error) => {
            // A refused URL may contain a password, so the entry names its host only.
            let host = host(base_url).unwrap_or_default();
            account::config_changed(recorder, setting, &from, &host, Some(&error.to_string()))
                .await
                .map_err(not_recorded())?;
            Err(error)
        }
    }
}
