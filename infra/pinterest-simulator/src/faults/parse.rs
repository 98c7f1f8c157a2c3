//! Reads rules strictly: a test with a misspelt field would otherwise test nothing.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::{Fault, Refusal, Rule};
use crate::errors::{self, ApiError};
use crate::limits;
use crate::operations::Operation;
use crate::rewrite::Way;

const FAULT_NAMES: &str = "status, delay, timeout_before_commit, timeout_after_commit, drop_connection, \
                           error_after_commit, late_commit, stale_list, rewrite_list, revoke_token";

pub fn rules(json: &[u8]) -> Result<Vec<Rule>, String> {
    let rules: Value = serde_json::from_slice(json).map_err(|error| format!("not valid JSON: {error}"))?;
    let Value::Array(rules) = rules else {
        return Err("the body must be a JSON list of rules".to_owned());
    };
    if rules.len() > limits::MAX_FAULT_RULES {
        return Err(format!("{} rules are too many: at most {}", rules.len(), limits::MAX_FAULT_RULES));
    }
    let numbered = rules.into_iter().enumerate();
    numbered.map(|(index, value)| rule(value).map_err(|error| format!("rule {index}: {error}"))).collect()
}

fn rule(value: Value) -> Result<Rule, String> {
    let Value::Object(given) = value else {
        return Err("must be a JSON object".to_owned());
    };
    let mut fields = Fields { left: given.clone() };
    let rule = Rule {
        operation: operation(fields.text("operation")?)?,
        account: fields.text("account")?,
        title_contains: fields.text("title_contains")?,
        probability: probability(fields.number("probability")?)?,
        remaining: fields.whole("times", u64::MAX)?,
        for_ms: fields.whole("for_ms", u64::MAX)?,
        first_fired_ms: None,
        fired: 0,
        fault: fault(&mut fields)?,
        given,
    };
    fields.nothing_left()?;
    check_combination(&rule)?;
    Ok(rule)
}

fn operation(name: Option<String>) -> Result<Option<Operation>, String> {
    name.map(|name| {
        Operation::parse(&name).ok_or_else(|| {
            let known: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
            format!("unknown operation '{name}'; known: {}", known.join(", "))
        })
    })
    .transpose()
}

fn probability(number: Option<f64>) -> Result<Option<f64>, String> {
    match number {
        Some(p) if !(0.0..=1.0).contains(&p) => Err(format!("'probability' must be 0 to 1, not {p}")),
        other => Ok(other),
    }
}

fn fault(fields: &mut Fields) -> Result<Fault, String> {
    let name = fields.text("fault")?.ok_or_else(|| format!("'fault' is missing; known: {FAULT_NAMES}"))?;
    match name.as_str() {
        "status" => {
            let status = fields.whole("status", 599)?.ok_or("'status' is missing")?;
            Ok(Fault::Status(refusal(fields, status)?))
        }
        "delay" => Ok(Fault::Delay { delay_ms: fields.ms("delay_ms")?.ok_or("'delay_ms' is missing")? }),
        "timeout_before_commit" => Ok(Fault::TimeoutBeforeCommit { hold_ms: fields.hold_ms()? }),
        "timeout_after_commit" => Ok(Fault::TimeoutAfterCommit { hold_ms: fields.hold_ms()? }),
        "drop_connection" => Ok(Fault::DropConnection { after_commit: fields.flag("after_commit")?.unwrap_or(false) }),
        "stale_list" => Ok(Fault::StaleList { lag_ms: fields.ms("lag_ms")?.ok_or("'lag_ms' is missing")? }),
        "rewrite_list" => Ok(Fault::RewriteList { ways: fields.ways()? }),
        "error_after_commit" => {
            let status = fields.whole("status", 599)?.unwrap_or(500);
            Ok(Fault::ErrorAfterCommit(refusal(fields, status)?))
        }
        "late_commit" => Ok(Fault::LateCommit {
            commit_after_ms: fields.ms("commit_after_ms")?.ok_or("'commit_after_ms' is missing")?,
            hold_ms: fields.hold_ms()?,
        }),
        "revoke_token" => Ok(Fault::RevokeToken { refresh_too: fields.flag("refresh_too")?.unwrap_or(false) }),
        other => Err(format!("unknown fault '{other}'; known: {FAULT_NAMES}")),
    }
}

fn refusal(fields: &mut Fields, status: u64) -> Result<Refusal, String> {
    let status = u16::try_from(status).ok().filter(|status| *status >= 200);
    let status = status.ok_or("'status' must be 200 to 599")?;
    let usual = usual_error(status);
    Ok(Refusal {
        error: ApiError {
            status,
            code: fields.signed("code")?.unwrap_or(usual.code),
            message: fields.text("message")?.map_or(usual.message, Cow::Owned),
        },
        headers: fields.headers()?,
        body: fields.text("body")?,
    })
}

/// The code and message that Pinterest usually sends with a status.
fn usual_error(status: u16) -> ApiError {
    match status {
        401 => errors::AUTHENTICATION_FAILED,
        403 => errors::NOT_PERMITTED,
        429 => errors::RATE_LIMITED,
        _ => ApiError { status, code: i64::from(status), message: Cow::Borrowed("Simulated fault.") },
    }
}

fn check_combination(rule: &Rule) -> Result<(), String> {
    match (rule.operation, rule.fault.operations()) {
        (Some(operation), Some(possible)) if !possible.contains(&operation) => {
            let possible: Vec<_> = possible.iter().map(|operation| operation.name()).collect();
            let fault = rule.given.get("fault").and_then(Value::as_str).unwrap_or_default();
            Err(format!("{fault} works for {} only, not for {}", possible.join(", "), operation.name()))
        }
        (Some(operation), _) if rule.title_contains.is_some() && operation != Operation::PinsCreate => {
            Err(format!("'title_contains' works for pins/create only, not for {}", operation.name()))
        }
        _ => Ok(()),
    }
}

/// The fields that are not read yet.
struct Fields {
    left: Map<String, Value>,
}

impl Fields {
    /// The field, unless it is absent or null.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    fn read<T>(&mut self, name: &str, kind: &str, read: impl Fn(&Value) -> Option<T>) -> Result<Option<T>, String> {
        self.take(name)
            .map(|value| read(&value).ok_or_else(|| format!("'{name}' must be {kind}, not {value}")))
            .transpose()
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, String> {
        self.read(name, "a string", |value| value.as_str().map(str::to_owned))
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, String> {
        self.read(name, "true or false", Value::as_bool)
    }

    fn number(&mut self, name: &str) -> Result<Option<f64>, String> {
        self.read(name, "a number", Value::as_f64)
    }

    fn signed(&mut self, name: &str) -> Result<Option<i64>, String> {
        self.read(name, "a whole number", Value::as_i64)
    }

    fn whole(&mut self, name: &str, max: u64) -> Result<Option<u64>, String> {
        let kind = if max == u64::MAX { "a whole number".to_owned() } else { format!("a whole number up to {max}") };
        self.read(name, &kind, |value| value.as_u64().filter(|number| *number <= max))
    }

    fn ways(&mut self) -> Result<Vec<Way>, String> {
        let ways = self.read("ways", "a list", |value| value.as_array().cloned())?.ok_or("'ways' is missing")?;
        let way = |value: Value| {
            value
                .as_str()
                .and_then(Way::parse)
                .ok_or_else(|| format!("unknown way {value}; known: {}", Way::ALL.map(Way::name).join(", ")))
        };
        ways.into_iter().map(way).collect()
    }

    fn ms(&mut self, name: &str) -> Result<Option<u64>, String> {
        self.whole(name, limits::MAX_FAULT_MS)
    }

    fn hold_ms(&mut self) -> Result<u64, String> {
        Ok(self.ms("hold_ms")?.unwrap_or(limits::DEFAULT_HOLD_MS))
    }

    fn headers(&mut self) -> Result<Vec<(String, String)>, String> {
        let headers = self.read("headers", "an object", |value| value.as_object().cloned())?;
        headers.into_iter().flatten().map(header).collect()
    }

    fn nothing_left(self) -> Result<(), String> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("unknown field '{name}' for this fault")),
        }
    }
}

fn header((name, value): (String, Value)) -> Result<(String, String), String> {
    let text = match &value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return Err(format!("header '{name}' must be a string or a number")),
    };
    let name_is_fine =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let value_is_fine = text.bytes().all(|byte| (0x20..0x7F).contains(&byte));
    if name_is_fine && value_is_fine {
        Ok((name.to_ascii_lowercase(), text))
    } else {
        Err(format!("header '{name}' cannot be sent"))
    }
}
