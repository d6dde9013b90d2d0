//! Names of the directory of sealed trails, and of the files that sealing adds to such a trail.

/// Directory of sealed trails, each in a directory named by its id.
pub(crate) const SEALED_DIRECTORY_NAME: &str = "sealed";

/// Name of the file with the hashes of a sealed trail's files, in the format of `sha256sum`.
pub(crate) const SEALED_MANIFEST_NAME: &str = "SHA256SUMS";

/// Name of the file with the verification of a sealed trail, as it was before the files were moved.
pub(crate) const SEALED_VERIFICATION_NAME: &str = "verification.json";
