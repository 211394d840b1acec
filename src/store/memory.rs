//! What the allocator really takes for a block.

/// The bytes jemalloc takes for a block of `bytes`: steps of 16 up to 128, then four classes for every doubling.
#[inline]
pub(crate) fn size_class(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=8 => 8,
        9..=128 => (bytes + 15) & !15,
        _ => {
            let step = 1usize << ((bytes - 1).ilog2() - 2);
            // Nothing is allocated above isize::MAX, so the rounding cannot leave a usize.
            bytes.saturating_add(step - 1) & !(step - 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::size_class;

    #[test]
    fn classes_are_those_of_jemalloc() {
        let classes =
            [(0, 0), (1, 8), (8, 8), (9, 16), (17, 32), (128, 128), (129, 160), (160, 160), (161, 192), (257, 320), (8193, 10240)];
        for (bytes, class) in classes {
            assert_eq!(size_class(bytes), class, "{bytes}");
        }
    }
}
