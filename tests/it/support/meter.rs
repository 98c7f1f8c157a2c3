//! Counting what the table charges: an interceptor of the SDK's client, which asks for the capacity of each call and
//! adds it up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::{
    BeforeSerializationInterceptorContextMut, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::batch_get_item::{BatchGetItemInput, BatchGetItemOutput};
use aws_sdk_dynamodb::operation::batch_write_item::{BatchWriteItemInput, BatchWriteItemOutput};
use aws_sdk_dynamodb::operation::delete_item::{DeleteItemError, DeleteItemInput, DeleteItemOutput};
use aws_sdk_dynamodb::operation::get_item::{GetItemInput, GetItemOutput};
use aws_sdk_dynamodb::operation::put_item::{PutItemError, PutItemInput, PutItemOutput};
use aws_sdk_dynamodb::operation::query::{QueryInput, QueryOutput};
use aws_sdk_dynamodb::operation::scan::{ScanInput, ScanOutput};
use aws_sdk_dynamodb::operation::transact_write_items::{
    TransactWriteItemsError, TransactWriteItemsInput, TransactWriteItemsOutput,
};
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemInput, UpdateItemOutput};
use aws_sdk_dynamodb::types::{ConsumedCapacity, ReturnConsumedCapacity};

/// What a cancelled transaction says of a row whose condition failed.
const CONDITION_FAILED: &str = "ConditionalCheckFailed";

/// Sums of capacity units, in thousandths, since the ledger was opened.
#[derive(Debug, Default)]
pub struct Ledger {
    write_milliunits: AtomicU64,
    read_milliunits: AtomicU64,
    failed_conditions: AtomicU64,
}

impl Ledger {
    /// Write units, failed conditions included: those are billed without being reported, at one unit each for rows
    /// below a kilobyte.
    pub fn write_units(&self) -> f64 {
        self.write_milliunits.load(Relaxed) as f64 / 1000.0 + self.failed_conditions.load(Relaxed) as f64
    }

    pub fn read_units(&self) -> f64 {
        self.read_milliunits.load(Relaxed) as f64 / 1000.0
    }

    pub fn failed_conditions(&self) -> u64 {
        self.failed_conditions.load(Relaxed)
    }
}

/// The same client, with every call counted in the ledger.
pub fn metered(client: &Client) -> (Client, Arc<Ledger>) {
    let ledger = Arc::new(Ledger::default());
    let config = client.config().to_builder().interceptor(Meter(Arc::clone(&ledger))).build();
    (Client::from_conf(config), ledger)
}

#[derive(Debug)]
struct Meter(Arc<Ledger>);

/// Has the input report its capacity, if it is of one of these operations.
macro_rules! ask {
    ($any:expr, $($input:ty),* $(,)?) => {
        $(if let Some(input) = $any.downcast_mut::<$input>() {
            input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
        })*
    };
}

/// The capacity that an output reports, if it is of one of these operations.
macro_rules! capacity {
    ($any:expr, one: [$($one:ty),*], several: [$($several:ty),*]) => {
        None
            $(.or_else(|| $any.downcast_ref::<$one>()?.consumed_capacity().map(std::slice::from_ref)))*
            $(.or_else(|| Some($any.downcast_ref::<$several>()?.consumed_capacity())))*
    };
}

/// Whether an error is that of a write whose condition failed.
macro_rules! is_failed_condition {
    ($any:expr, [$($error:ident),*]) => {
        $(matches!($any.downcast_ref(), Some($error::ConditionalCheckFailedException(_))) ||)*
        matches!(
            $any.downcast_ref(),
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
                if cancelled.cancellation_reasons().iter().any(|why| why.code() == Some(CONDITION_FAILED))
        )
    };
}

fn add(sum: &AtomicU64, capacity: Option<&[ConsumedCapacity]>) {
    let units: f64 = capacity.unwrap_or_default().iter().filter_map(ConsumedCapacity::capacity_units).sum();
    sum.fetch_add((units * 1000.0) as u64, Relaxed);
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        ask!(
            context.input_mut(),
            PutItemInput,
            UpdateItemInput,
            DeleteItemInput,
            BatchWriteItemInput,
            TransactWriteItemsInput,
            GetItemInput,
            BatchGetItemInput,
            QueryInput,
            ScanInput,
        );
        Ok(())
    }

    fn read_after_execution(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        match context.output_or_error() {
            Some(Ok(output)) => {
                let written = capacity!(
                    output,
                    one: [PutItemOutput, UpdateItemOutput, DeleteItemOutput],
                    several: [BatchWriteItemOutput, TransactWriteItemsOutput]
                );
                add(&self.0.write_milliunits, written);
                let read = capacity!(
                    output,
                    one: [GetItemOutput, QueryOutput, ScanOutput],
                    several: [BatchGetItemOutput]
                );
                add(&self.0.read_milliunits, read);
            }
            Some(Err(error)) => {
                if let Some(any) = error.as_operation_error()
                    && is_failed_condition!(any, [PutItemError, UpdateItemError, DeleteItemError])
                {
                    self.0.failed_conditions.fetch_add(1, Relaxed);
                }
            }
            None => {}
        }
        Ok(())
    }
}
