//! The negative power of the normalisation.

use super::super::simd::{Simd, inverse_fourth_root, power};

/// A power with the reciprocal that its derivative takes.
pub(super) trait InversePower: Copy {
    /// s^-β and 1 / s, for positive s.
    fn of<S: Simd>(self, s: S) -> (S, S);
}

/// β = 0.75: powers of the inverse fourth root, without a division.
#[derive(Clone, Copy)]
pub(super) struct ThreeQuarters;

impl InversePower for ThreeQuarters {
    #[inline(always)]
    fn of<S: Simd>(self, s: S) -> (S, S) {
        let quarter = inverse_fourth_root(s);
        let half = quarter.mul(quarter);
        (half.mul(quarter), half.mul(half))
    }
}

/// Any β.
#[derive(Clone, Copy)]
pub(super) struct General(pub(super) f32);

impl InversePower for General {
    #[inline(always)]
    fn of<S: Simd>(self, s: S) -> (S, S) {
        (power(s, -self.0), S::splat(1.0).div(s))
    }
}
