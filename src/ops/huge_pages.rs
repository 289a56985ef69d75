//! Large pages for large arrays: a product walks down the rows of its matrices, and with
//! pages of 4 KiB each row would need an entry of its own in the processor's page cache.

/// Arrays below this many bytes stay on small pages.
#[cfg(target_os = "linux")]
const LEAST_BYTES: usize = 4 << 20;

/// Asks the system to put `values` on large pages, before they are first written. That it cannot
/// is no error.
#[cfg(target_os = "linux")]
pub fn advise<T>(values: &mut [T]) {
    const PAGE: usize = 4096;
    let bytes = size_of_val(values);
    if bytes < LEAST_BYTES {
        return;
    }
    let start = values.as_mut_ptr() as usize;
    let first = start.next_multiple_of(PAGE);
    let len = (start + bytes - first) / PAGE * PAGE;
    // SAFETY: the pages lie inside the slice, and the advice changes none of their values.
    unsafe { libc::madvise(first as *mut libc::c_void, len, libc::MADV_HUGEPAGE) };
}

/// Other systems choose their pages on their own.
#[cfg(not(target_os = "linux"))]
pub fn advise<T>(_values: &mut [T]) {}
