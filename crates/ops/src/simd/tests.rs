use super::{Kernel, Simd};
use crate::Isa;

/// Copies the first lanes of a vector and leaves what is after.
struct CopyFirst<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for CopyFirst<'_> {
    type Output = [f32; 16];
    #[inline(always)]
    fn run<S: Simd>(self) -> [f32; 16] {
        let vector = S::load_slice(self.0, 0.0);
        vector.store_slice(self.1);
        vector.to_array()
    }
}

#[test]
fn the_first_lanes_are_read_and_written_and_no_others() {
    let from: [f32; 16] = std::array::from_fn(|i| (i + 1) as f32);
    for isa in Isa::available() {
        for len in 0..=16 {
            let mut to = [-1.0; 17];
            // The slice ends where the lanes do.
            let vector = isa.run(CopyFirst(&from[16 - len..], &mut to[1..1 + len]));
            let value = |i: usize, rest| if i < len { from[16 - len + i] } else { rest };
            assert_eq!(vector, std::array::from_fn(|i| value(i, 0.0)), "{isa:?} {len}");
            assert_eq!(to[1..], std::array::from_fn::<_, 16, _>(|i| value(i, -1.0)));
            assert_eq!(to[0], -1.0);
        }
    }
}
