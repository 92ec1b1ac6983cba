//! The exponential, and reductions of a row in vector lanes.

/// `e^x`, to 1 unit in the last place on [-87, 88]; 0 and infinity outside. The reduction and polynomial are Cephes'.
#[inline(always)]
pub(in crate::layers) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest integer in the low bits
    let clamped = x.clamp(-87.336_55, 88.722_8);
    let shifted = clamped.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-0.693_359_4, clamped);
    let r = n.mul_add(2.121_944_4e-4, r);
    let mut p = 1.987_569_1e-4f32;
    p = p.mul_add(r, 1.398_199_9e-3);
    p = p.mul_add(r, 8.333_452e-3);
    p = p.mul_add(r, 4.166_579_6e-2);
    p = p.mul_add(r, 1.666_666_5e-1);
    p = p.mul_add(r, 5e-1);
    let y = p.mul_add(r * r, r) + 1.0;
    // 2^n in two halves, since n may be 128.
    let n = n as i32;
    let half = n >> 1;
    let scale = |k: i32| f32::from_bits(((k + 127) << 23) as u32);
    let y = y * scale(half) * scale(n - half);
    if x < -87.336_55 {
        0.0
    } else if x > 88.722_8 {
        f32::INFINITY
    } else if x.is_nan() {
        x
    } else {
        y
    }
}

#[inline(always)]
pub(super) fn maximum(a: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (head, tail) = a.as_chunks::<16>();
    for a in head {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *lane = lane.max(*a);
        }
    }
    lanes.iter().chain(tail).copied().fold(f32::NEG_INFINITY, f32::max)
}

/// A sum in 16 lanes, so that it becomes vector code.
#[inline(always)]
pub(super) fn sum(a: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let (head, tail) = a.as_chunks::<16>();
    for a in head {
        for (lane, a) in lanes.iter_mut().zip(a) {
            *lane += a;
        }
    }
    lanes.iter().sum::<f32>() + tail.iter().sum::<f32>()
}

/// The sum of `of` over values, in double precision, in 8 lanes.
#[inline(always)]
pub(super) fn sum_of(values: &[f32], of: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0f64; 8];
    let (head, tail) = values.as_chunks::<8>();
    for values in head {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane += of(f64::from(*value));
        }
    }
    lanes.iter().sum::<f64>() + tail.iter().map(|value| of(f64::from(*value))).sum::<f64>()
}

/// A dot product in 16 lanes.
#[inline(always)]
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; 16];
    let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<16>(), b.as_chunks::<16>());
    for (a, b) in a.iter().zip(b) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = a.mul_add(*b, *lane);
        }
    }
    lanes.iter().sum::<f32>() + a_tail.iter().zip(b_tail).map(|(a, b)| a * b).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values between -90 and 90, dense around 0.
    fn grid() -> impl Iterator<Item = f32> {
        (-90_000..=90_000).map(|i| i as f32 / 1000.0).chain((-9_000..=9_000).map(|i| i as f32 / 1e5))
    }

    fn ulps(got: f32, exact: f64) -> f64 {
        let nearest = exact as f32;
        let unit = f64::from(f32::from_bits(nearest.abs().to_bits() + 1)) - f64::from(nearest.abs());
        (f64::from(got) - exact).abs() / unit
    }

    #[test]
    fn exp_is_within_one_unit_in_the_last_place() {
        let worst =
            grid().filter(|x| (-87.0..=88.0).contains(x)).map(|x| ulps(exp(x), f64::from(x).exp())).fold(0.0, f64::max);
        assert!(worst <= 1.0, "{worst} ULP");
        assert_eq!((exp(f32::NEG_INFINITY), exp(-100.0), exp(100.0)), (0.0, 0.0, f32::INFINITY));
        assert!(exp(f32::NAN).is_nan());
    }
}
