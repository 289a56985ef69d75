//! UTC dates from the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

/// `time` in UTC as RFC 3339 to the millisecond: `2026-11-22T17:15:00.250Z`. Texts of this
/// form sort by time. A clock before 1970 counts as 1970.
pub fn rfc3339(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time.max(UNIX_EPOCH)).to_string()
}

/// `time` in UTC for a file name: `20261122-171500`.
pub(super) fn compact(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time.max(UNIX_EPOCH)).to_string();
    text.replace(['-', ':', 'Z'], "").replace('T', "-")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn dates_are_right() {
        // As `date -u -d @SECONDS +%FT%T` prints them.
        let time = UNIX_EPOCH + Duration::from_millis(1_795_367_700_250);
        assert_eq!(rfc3339(time), "2026-11-22T17:15:00.250Z");
        assert_eq!(compact(time), "20261122-171500");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), "1970-01-01T00:00:00.000Z");
    }
}
