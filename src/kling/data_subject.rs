//! What is done with data of people: recorded because somebody may have to account for it. Its promise: a person is named
//! by a pseudonym that the caller chose, and by nothing else.

use super::{client::Client, client::not_recorded, error::Error, rules};

impl Client {
    /// Records that data of a person is processed, as `processing_activity`: for which purpose and on which legal basis,
    /// such as `consent`.
    ///
    /// Choose a `subject` that doesn't tell who it is, such as a number from a table of your own: the trail can't forget.
    ///
    /// # Errors
    ///
    /// [`Error::Request`] for what is blank, [`Error::NotRecorded`].
    pub async fn record_processing_activity(
        &self,
        subject: &str,
        purpose: &str,
        legal_basis: &str,
    ) -> Result<(), Error> {
        rules::words([
            ("subject", Some(subject)),
            ("purpose", Some(purpose)),
            ("legal_basis", Some(legal_basis)),
        ])?;
        self.recorder()
            .processing_activity(subject, purpose, legal_basis)
            .await
            .map_err(not_recorded("data_subject", "processing_activity"))?;
        Ok(())
    }

    /// Records that a person asks for data to be deleted, as `deletion_request`, and of what.
    ///
    /// # Errors
    ///
    /// As [`record_processing_activity`](Client::record_processing_activity).
    pub async fn record_deletion_request(&self, subject: &str, scope: &str) -> Result<(), Error> {
        rules::words([("subject", Some(subject)), ("scope", Some(scope))])?;
        self.recorder()
            .deletion_request(subject, scope)
            .await
            .map_err(not_recorded("data_subject", "deletion_request"))?;
        Ok(())
    }
}
