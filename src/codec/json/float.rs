//! `FloatText`: a finite double, spelled as Python's `repr` spells it.
//!
//! Promise: the shortest digits that give the same double back, the nearest of them, laid out as CPython does.
//! The digits come from `zmij`, because those of `{:e}` break ties differently. Does not allocate, and does not
//! know JSON.

/// The spelling of one double, kept on the stack.
pub(crate) struct FloatText {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl FloatText {
    /// The longest spelling: `-1.7976931348623157e+308`.
    pub(crate) const LONGEST: usize = 24;

    /// Room for whatever layout the digits arrive in.
    const CAPACITY: usize = 32;

    /// Spells `value`; `None` if it is not finite.
    pub(crate) fn new(value: f64) -> Option<Self> {
        value.is_finite().then(|| {
            let mut text = Self { bytes: [0; Self::CAPACITY], length: 0 };
            if value.is_sign_negative() {
                text.push(b"-");
            }
            text.lay_out(&Digits::of(value.abs()));
            text
        })
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn lay_out(&mut self, digits: &Digits) {
        let point = digits.point;
        let digits = digits.as_bytes();
        match usize::try_from(point) {
            _ if digits.is_empty() => self.push(b"0.0"),
            Ok(whole @ 1..=16) => match digits.split_at_checked(whole) {
                Some((whole, fraction)) if !fraction.is_empty() => {
                    self.push(whole);
                    self.push(b".");
                    self.push(fraction);
                }
                _ => {
                    self.push(digits);
                    (digits.len()..whole).for_each(|_| self.push(b"0"));
                    self.push(b".0");
                }
            },
            _ if (-3..=0).contains(&point) => {
                self.push(b"0.");
                (point..0).for_each(|_| self.push(b"0"));
                self.push(digits);
            }
            _ => self.lay_out_exponent(digits, point - 1),
        }
    }

    fn lay_out_exponent(&mut self, digits: &[u8], exponent: i32) {
        let (first, others) = digits.split_at(1.min(digits.len()));
        self.push(first);
        if !others.is_empty() {
            self.push(b".");
            self.push(others);
        }
        self.push(if exponent < 0 { b"e-" } else { b"e+" });
        let size = exponent.unsigned_abs();
        if size < 10 {
            self.push(b"0");
        }
        self.push(itoa::Buffer::new().format(size).as_bytes());
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
            self.length = end;
        }
    }
}

/// A double as `0.DIGITS` times ten to the power of `point`, without zeros at either end.
struct Digits {
    bytes: [u8; 32],
    length: usize,
    point: i32,
}

impl Digits {
    /// Takes apart what `zmij` writes, in any of its layouts: the layout is not part of its promise.
    fn of(value: f64) -> Self {
        let mut digits = Self { bytes: [0; 32], length: 0, point: 0 };
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut seen_point = false;
        for &byte in mantissa.as_bytes() {
            match byte {
                b'.' => seen_point = true,
                b'0' if digits.length == 0 => digits.point -= i32::from(seen_point),
                _ => {
                    digits.point += i32::from(!seen_point);
                    if let Some(room) = digits.bytes.get_mut(digits.length) {
                        *room = byte;
                        digits.length += 1;
                    }
                }
            }
        }
        digits.point += exponent.parse::<i32>().unwrap_or(0);
        let zeros = digits.as_bytes().iter().rev().take_while(|&&byte| byte == b'0').count();
        digits.length -= zeros;
        digits
    }

    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::json::random_value::Random;

    fn spell(value: f64) -> String {
        FloatText::new(value).expect("finite").as_bytes().iter().map(|&byte| char::from(byte)).collect()
    }

    #[test]
    #[allow(clippy::excessive_precision)]
    fn floats_are_spelled_as_python_does() {
        let table: &[(f64, &str)] = &[
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (-1.5, "-1.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (10.0, "10.0"),
            (100.25, "100.25"),
            (0.001, "0.001"),
            (0.0001, "0.0001"),
            (0.00012345678901234567, "0.00012345678901234567"),
            (0.00009999999999999999, "9.999999999999999e-05"),
            (1e-5, "1e-05"),
            (1.5e-5, "1.5e-05"),
            (1e-100, "1e-100"),
            (1e15, "1000000000000000.0"),
            (1234567890123456.0, "1234567890123456.0"),
            (9007199254740993.0, "9007199254740992.0"),
            (9007199254740995.0, "9007199254740996.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.2e16, "1.2e+16"),
            (123456789012345680.0, "1.2345678901234568e+17"),
            (1e22, "1e+22"),
            (1e23, "1e+23"),
            (9.5e-7, "9.5e-07"),
            (568971736690281.25, "568971736690281.2"),
            (568971736690281.75, "568971736690281.8"),
            (2.0_f64.powi(-44), "5.684341886080802e-14"),
            (9.007199254740993e15, "9007199254740992.0"),
            (5e-324, "5e-324"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (2.225073858507201e-308, "2.225073858507201e-308"),
            (f64::MAX, "1.7976931348623157e+308"),
            (-f64::MAX, "-1.7976931348623157e+308"),
            (f64::EPSILON, "2.220446049250313e-16"),
            (std::f64::consts::PI, "3.141592653589793"),
        ];

        for &(value, expected) in table {
            assert_eq!(spell(value), expected);
        }
    }

    #[test]
    fn what_is_not_finite_has_no_spelling() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(FloatText::new(value).is_none());
        }
    }

    #[test]
    fn every_spelling_gives_its_double_back() {
        let mut random = Random::new(1);

        for _ in 0..20_000 {
            let value = random.float();
            let text = spell(value);

            assert!(text.len() <= FloatText::LONGEST, "{text}");
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
        }
    }
}
