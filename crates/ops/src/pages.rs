//! The pages of memory that large arrays are laid out in.

/// Asks the system to put `values` on large pages, before they are first written: a product walks
/// down the rows of its matrices, and with pages of 4 KiB each row would need an entry of its own
/// in the CPU's page cache. Failure is ignored.
#[cfg(target_os = "linux")]
pub fn prefer_huge_pages<T>(values: &mut [T]) {
    /// Arrays below this many bytes stay on small pages.
    const MIN_BYTES: usize = 4 << 20;
    const PAGE: usize = 4096;
    let bytes = size_of_val(values);
    if bytes < MIN_BYTES {
        return;
    }
    let start = values.as_mut_ptr() as usize;
    let first = start.next_multiple_of(PAGE);
    let len = (start + bytes - first) / PAGE * PAGE;
    // SAFETY: the pages are inside the slice, and the advice changes none of their values.
    unsafe { libc::madvise(first as *mut libc::c_void, len, libc::MADV_HUGEPAGE) };
}

/// Other systems choose their pages on their own.
#[cfg(not(target_os = "linux"))]
pub fn prefer_huge_pages<T>(_values: &mut [T]) {}
