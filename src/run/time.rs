//! UTC dates from the system clock.

use std::time::{SystemTime, UNIX_EPOCH};

struct Utc {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    millisecond: u32,
}

impl Utc {
    /// A clock before 1970 counts as 1970.
    fn at(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = since.as_secs();
        let (year, month, day) = civil_from_days(seconds / 86_400);
        Self {
            year,
            month,
            day,
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            millisecond: since.subsec_millis(),
        }
    }
}

/// (year, month, day) of the day `days` after 1970-01-01 (Hinnant, "chrono-compatible
/// low-level date algorithms").
fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// `time` in UTC as RFC 3339 to the millisecond: `2026-11-22T17:15:00.250Z`. Texts of this
/// form sort by time.
pub fn rfc3339(time: SystemTime) -> String {
    let Utc { year, month, day, hour, minute, second, millisecond } = Utc::at(time);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millisecond:03}Z")
}

/// `time` in UTC for a file name: `20261122-171500`.
pub(super) fn compact(time: SystemTime) -> String {
    let Utc { year, month, day, hour, minute, second, .. } = Utc::at(time);
    format!("{year:04}{month:02}{day:02}-{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[track_caller]
    fn check(millis: u64, expect: &str) {
        assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_millis(millis)), expect);
    }

    #[test]
    fn dates_are_right() {
        // As `date -u -d @SECONDS +%FT%T` prints them.
        check(0, "1970-01-01T00:00:00.000Z");
        check(951_782_399_999, "2000-02-28T23:59:59.999Z");
        check(951_782_400_000, "2000-02-29T00:00:00.000Z");
        check(1_709_251_200_000, "2024-03-01T00:00:00.000Z");
        check(1_795_367_700_250, "2026-11-22T17:15:00.250Z");
        check(4_107_542_400_000, "2100-03-01T00:00:00.000Z");
        assert_eq!(compact(UNIX_EPOCH + Duration::from_secs(1_795_367_700)), "20261122-171500");
    }
}
