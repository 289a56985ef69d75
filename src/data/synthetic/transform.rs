//! Plane geometry without sines: rotations are drawn by their half-angle's tangent.

use crate::rng::Sequence;

/// A point or a vector: x to the right, y downwards.
pub(super) type Point = (f32, f32);

/// The linear map `(x, y) → (a·x + b·y, c·x + d·y)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Linear {
    a: f32,
    b: f32,
    c: f32,
    d: f32,
}

impl Linear {
    /// The rotation by the angle whose half has the tangent `t`, clockwise on the screen: its
    /// cosine is (1 − t²) / (1 + t²), its sine 2t / (1 + t²).
    pub(super) fn rotation(t: f32) -> Self {
        let scale = 1.0 / (1.0 + t * t);
        let (cos, sin) = ((1.0 - t * t) * scale, 2.0 * t * scale);
        Self { a: cos, b: -sin, c: sin, d: cos }
    }

    /// A rotation by any angle. Those near the axes are a little rarer than the diagonal ones.
    pub(super) fn any_rotation(random: &mut Sequence) -> Self {
        let rotation = Self::rotation(random.uniform_between(-1.0, 1.0));
        // The tangent reaches half of all angles; turning by half a circle gives the others.
        let sign = if random.below(2) == 0 { 1.0 } else { -1.0 };
        rotation.after(Self::stretch(sign, sign))
    }

    /// Stretches along the axes.
    pub(super) fn stretch(x: f32, y: f32) -> Self {
        Self { a: x, b: 0.0, c: 0.0, d: y }
    }

    /// Leans what is above the origin to the right, by `by` of its height.
    pub(super) fn shear(by: f32) -> Self {
        Self { a: 1.0, b: -by, c: 0.0, d: 1.0 }
    }

    /// This map of what `first` gives.
    pub(super) fn after(self, first: Self) -> Self {
        Self {
            a: self.a * first.a + self.b * first.c,
            b: self.a * first.b + self.b * first.d,
            c: self.c * first.a + self.d * first.c,
            d: self.c * first.b + self.d * first.d,
        }
    }

    #[inline(always)]
    pub(super) fn apply(self, (x, y): Point) -> Point {
        (self.a * x + self.b * y, self.c * x + self.d * y)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Stream;

    fn assert_near((x, y): Point, (wanted_x, wanted_y): Point) {
        assert!((x - wanted_x).abs() + (y - wanted_y).abs() < 1e-6, "({x}, {y})");
    }

    #[test]
    fn maps_are_what_their_names_say() {
        assert_near(Linear::rotation(1.0).apply((1.0, 0.0)), (0.0, 1.0));
        assert_near(Linear::shear(0.5).apply((0.0, -1.0)), (0.5, -1.0));
        let both = Linear::rotation(1.0).after(Linear::stretch(2.0, 1.0));
        assert_near(both.apply((1.0, 0.0)), (0.0, 2.0));
    }

    #[test]
    fn every_quadrant_of_rotations_comes() {
        let stream = Stream::new(1, "test");
        let mut quadrants = [0; 4];
        for step in 0..400 {
            let (x, y) = Linear::any_rotation(&mut stream.at(step)).apply((1.0, 0.0));
            assert!((x * x + y * y - 1.0).abs() < 1e-6);
            quadrants[usize::from(x < 0.0) * 2 + usize::from(y < 0.0)] += 1;
        }
        assert!(quadrants.iter().all(|&count| count > 60), "{quadrants:?}");
    }
}
