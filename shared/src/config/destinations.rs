//! Where every workspace's events go besides webhooks.

use std::str::FromStr;

use super::table;
use super::{ConfigError, Environment};

/// The value of a bus that isn't there.
const NONE: &str = "none";

/// The bus that events are put on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BusPort {
    /// The EventBridge bus with this name.
    EventBridge { name: String, format: EventFormat },
    /// A line for each is printed on standard output: the local stack.
    Printed,
}

/// How tasks that wait for pins are ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TasksPort {
    /// Those of Step Functions.
    StepFunctions,
    /// A line for each is printed on standard output: the local stack.
    Printed,
}

/// A queue of the operator's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQueue {
    pub url: String,
    pub format: EventFormat,
}

/// What the `detail` of an event on the bus, or a message of the queue, is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventFormat {
    /// The body that webhooks get.
    #[default]
    Envelope,
    /// CloudEvents 1.0 in JSON, with that body as its data.
    CloudEvents,
}

impl FromStr for EventFormat {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "envelope" => Ok(Self::Envelope),
            "cloudevents" => Ok(Self::CloudEvents),
            _ => Err(()),
        }
    }
}

impl Environment<'_> {
    pub(super) fn event_bus(&self) -> Result<Option<BusPort>, ConfigError> {
        let format = self.parsed(&table::EVENT_BUS_FORMAT, |_| true)?;
        let name = self.filled(&table::EVENT_BUS).filter(|name| name != NONE);
        Ok(name.map(|name| BusPort::EventBridge { name, format }))
    }

    /// The role decides which state machines; without any, there is nothing to call.
    pub(super) fn tasks(&self) -> Option<TasksPort> {
        self.filled(&table::STATE_MACHINES).map(|_| TasksPort::StepFunctions)
    }

    pub(super) fn event_queue(&self) -> Result<Option<EventQueue>, ConfigError> {
        let format = self.parsed(&table::EVENT_FORMAT, |_| true)?;
        Ok(self.filled(&table::EVENT_QUEUE_URL).map(|url| EventQueue { url, format }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(name: &'static str, value: &'static str, read: impl Fn(&Environment<'_>) -> T) -> T {
        let variables = move |asked: &str| (asked == name).then(|| value.to_owned());
        read(&Environment(&variables))
    }

    #[test]
    fn there_is_no_bus_unless_one_is_named() {
        for none in ["", "none"] {
            assert_eq!(with("PINBRIDGE_EVENT_BUS", none, |environment| environment.event_bus()).expect("valid"), None);
        }
        let name = "pins".to_owned();
        assert_eq!(
            with("PINBRIDGE_EVENT_BUS", "pins", |environment| environment.event_bus()).expect("valid"),
            Some(BusPort::EventBridge { name, format: EventFormat::Envelope })
        );
        let wrong =
            with("PINBRIDGE_EVENT_BUS_FORMAT", "xml", |environment| environment.event_bus()).expect_err("unknown");
        assert!(wrong.to_string().contains("envelope or cloudevents"), "{wrong}");
    }

    #[test]
    fn tasks_are_ended_if_a_state_machine_is_named() {
        let arn = "arn:aws:states:eu-west-1:111111111111:stateMachine:publish";
        let tasks = |arn| with("PINBRIDGE_STATE_MACHINES", arn, |environment| environment.tasks());
        assert_eq!([tasks(""), tasks(arn)], [None, Some(TasksPort::StepFunctions)]);
    }

    #[test]
    fn a_queue_gets_the_envelope_unless_it_asks_for_cloud_events() {
        let url = "https://sqs.eu-west-1.amazonaws.com/111111111111/events";
        let queue = with("PINBRIDGE_EVENT_QUEUE_URL", url, |environment| environment.event_queue()).expect("valid");
        assert_eq!(queue, Some(EventQueue { url: url.into(), format: EventFormat::Envelope }));
        assert_eq!(
            with("PINBRIDGE_EVENT_FORMAT", "cloudevents", |environment| environment.event_queue()).expect("valid"),
            None
        );
        assert_eq!("cloudevents".parse(), Ok(EventFormat::CloudEvents));
        let wrong = with("PINBRIDGE_EVENT_FORMAT", "CloudEvents", |environment| environment.event_queue())
            .expect_err("misspelt");
        assert!(wrong.to_string().contains("envelope or cloudevents"), "{wrong}");
    }
}
