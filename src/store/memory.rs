//! What an allocation really takes: jemalloc's size classes, computed, so that memory is counted as it is allocated.

/// The bytes jemalloc sets aside for an allocation of `size` bytes (aligned to 16 or less), and 0 for none.
///
/// Classes are 8, then steps of 16 up to 128, then four to each doubling: 160, 192, 224, 256, 320 and so on without end.
/// Computed rather than asked (`nallocx`), since an overwrite in place has to know it and an extern call would cost more than the rest.
#[inline]
#[must_use]
pub const fn size_class(size: usize) -> usize {
    if size <= 128 {
        if size > 8 { (size + 15) & !15 } else { (size + 7) & !7 }
    } else {
        // The doubling that `size` lies in begins after 2^power; its four steps are a quarter of that each.
        let power = (size - 1).ilog2();
        let step = 1usize << (power - 2);
        match size.checked_next_multiple_of(step) {
            Some(class) => class,
            None => usize::MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn classes_are_those_of_jemalloc() {
        let classes = [
            8, 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 640, 768, 896, 1024, 1280, 1536, 1792, 2048, 2560,
            3072, 3584, 4096, 5120, 6144, 7168, 8192, 10240, 12288, 14336, 16384, 20480,
        ];
        let mut below = 0;
        for class in classes {
            for size in below + 1..=class {
                assert_eq!(size_class(size), class, "of {size}");
            }
            below = class;
        }
        assert_eq!(size_class(0), 0);
        assert_eq!(size_class((1 << 20) + 1), (1 << 20) + (1 << 18));
    }

    #[test]
    fn impossible_sizes_saturate() {
        assert_eq!(size_class(usize::MAX), usize::MAX);
    }
}
