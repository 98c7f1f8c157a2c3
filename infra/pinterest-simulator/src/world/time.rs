//! Timestamps in Pinterest's formats.

/// `2022-10-13T01:40:29`: UTC, whole seconds, no zone. Takes Unix milliseconds.
pub fn pinterest_time(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y-%m-%dT%H:%M:%S")
        .to_string()
}

/// `20221013T014029Z`: UTC, as signed requests write it. Takes Unix milliseconds.
pub fn compact_time(unix_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(unix_ms)
        .unwrap_or(jiff::Timestamp::UNIX_EPOCH)
        .strftime("%Y%m%dT%H%M%SZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    #[test]
    fn timestamps_have_whole_seconds() {
        assert_eq!(super::pinterest_time(1_665_625_229_987), "2022-10-13T01:40:29");
        assert_eq!(super::compact_time(1_665_625_229_987), "20221013T014029Z");
    }
}
