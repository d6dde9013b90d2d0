//! `FloatText`: a finite double as Python's `repr` writes it.
//!
//! Promise: the fewest digits that parse as the same double, and of those the nearest, in CPython's layout. The digits
//! come from `zmij`, because Rust's `{:e}` breaks ties differently. Does not allocate.

/// The text of one double, on the stack.
///
/// ```text
/// digits 15, point at   -4          -3         1        16                     17
/// text               1.5e-05    0.00015      1.5     1500000000000000.0     1.5e+16
/// ```
pub(crate) struct FloatText {
    bytes: [u8; Self::BUFFER_BYTES],
    length: usize,
}

impl FloatText {
    /// Bytes of the longest text, `-1.7976931348623157e+308`.
    pub(crate) const MAX_BYTES: usize = 24;

    /// Bytes of the buffer, with room to spare for every layout.
    const BUFFER_BYTES: usize = 32;

    /// Returns the text of `value`; `None` if it is not finite.
    pub(crate) fn new(value: f64) -> Option<Self> {
        value.is_finite().then(|| {
            let mut text = Self { bytes: [0; Self::BUFFER_BYTES], length: 0 };
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
            // 0.0001 is the smallest number without an exponent.
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
        // Python writes at least two digits of an exponent.
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

/// A double as `0.DIGITS` times ten to the power of `point`; `DIGITS` neither begins nor ends with a zero.
struct Digits {
    bytes: [u8; 32],
    length: usize,
    point: i32,
}

impl Digits {
    /// Reads the digits back from the text of `zmij`, in any layout: `zmij` promises the digits and not the layout.
    fn of(value: f64) -> Self {
        let mut digits = Self { bytes: [0; 32], length: 0, point: 0 };
        let mut buffer = zmij::Buffer::new();
        let text = buffer.format_finite(value);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((text, "0"));
        let mut seen_point = false;
        for &byte in mantissa.as_bytes() {
            match byte {
                b'.' => seen_point = true,
                // A leading zero behind the point moves the point; one before it has no effect.
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
        // `1.0` and `100.0` have zeros that are layout and not digits.
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

    fn text_of(value: f64) -> String {
        FloatText::new(value).expect("finite").as_bytes().iter().map(|&byte| char::from(byte)).collect()
    }

    #[test]
    #[allow(clippy::excessive_precision)]
    fn floats_are_written_as_python_writes_them() {
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
            assert_eq!(text_of(value), expected);
        }
    }

    #[test]
    fn float_that_is_not_finite_has_no_text() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(FloatText::new(value).is_none());
        }
    }

    #[test]
    fn text_parses_as_the_same_double() {
        let mut random = Random::new(1);

        for _ in 0..20_000 {
            let value = random.float();
            let text = text_of(value);

            assert!(text.len() <= FloatText::MAX_BYTES, "{text}");
            assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(value.to_bits()), "{text}");
        }
    }
}
