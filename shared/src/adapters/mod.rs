//! The ports, implemented: DynamoDB, SQS, Secrets Manager, Pinterest, and the only real clock and random numbers.

pub mod aws;
pub mod dynamodb;
pub mod pinterest;
pub mod secrets;
pub mod sqs;
pub mod system;
