//! Refusals of the storage for uploads. It is S3, not Pinterest's API, so they are S3's, in XML (Amazon S3, "Error
//! responses" and "POST object").

/// One refusal: an HTTP status, and the code and message of the XML body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageError {
    pub status: u16,
    pub code: &'static str,
    pub message: &'static str,
}

const fn row(status: u16, code: &'static str, message: &'static str) -> StorageError {
    StorageError { status, code, message }
}

pub const NOT_A_FORM: StorageError =
    row(412, "PreconditionFailed", "Bucket POST must be of the enclosure-type multipart/form-data");
pub const FORM_BROKEN: StorageError =
    row(400, "MalformedPOSTRequest", "The body of your POST request is not well-formed multipart/form-data.");
pub const KEY_MISSING: StorageError = row(
    400,
    "InvalidArgument",
    "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
);
pub const FILE_MISSING: StorageError =
    row(400, "InvalidArgument", "POST requires exactly one file upload per request.");
pub const TOO_LARGE: StorageError = row(400, "EntityTooLarge", "Your proposed upload exceeds the maximum allowed size");
pub const CONDITION_FAILED: StorageError =
    row(403, "AccessDenied", "Invalid according to Policy: Policy Condition failed");
pub const POLICY_EXPIRED: StorageError = row(403, "AccessDenied", "Invalid according to Policy: Policy expired.");
pub const SIGNATURE_DOES_NOT_MATCH: StorageError = row(
    403,
    "SignatureDoesNotMatch",
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
);
/// The simulator could not write its journal, so it must not report success.
pub const JOURNAL_FAILED: StorageError =
    row(500, "InternalError", "We encountered an internal error. Please try again.");

impl StorageError {
    /// The body. The texts above contain nothing that XML must escape.
    pub fn xml(&self) -> String {
        let Self { code, message, .. } = self;
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        )
    }
}
