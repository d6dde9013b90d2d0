//! Random values for tests, with edge cases far more often than in real data.
//!
//! Promise: the same seed gives the same values on every machine.

use crate::codec::json::value::Value;
use crate::codec::json::wtf8::Text;

/// The SplitMix64 generator.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit
    }

    /// Returns a finite double.
    pub(crate) fn float(&mut self) -> f64 {
        let value = match self.below(8) {
            0 => f64::from(self.bits() as i32),
            1 => f64::from(self.bits() as i32) / 1000.0,
            2 => self.bits() as i64 as f64,
            // Halves and quarters near 2^50 and 2^53, where two decimal texts can be equally near to a double.
            3 => (self.below(1 << 53)) as f64 / [1.0, 2.0, 4.0, 8.0, 16.0][self.below(5) as usize],
            4 => f64::from_bits(self.below(2047) << 52),
            5 => f64::from_bits((self.below(2047) << 52).wrapping_sub(self.below(3)).wrapping_add(1)),
            _ => f64::from_bits(self.bits()),
        };
        if value.is_finite() { value } else { self.float() }
    }

    /// Returns a text with code points of any plane, without surrogates.
    pub(crate) fn text(&mut self) -> Text {
        let length = match self.below(20) {
            0 => self.below(200),
            _ => self.below(12),
        };
        let kind = self.below(4);
        let mut text = Text::default();
        for _ in 0..length {
            let limit = match (kind, self.below(8)) {
                (0 | 1, 1..) => 0x80,
                (_, 0) => 0x20,
                (_, 1) => 0x100,
                (_, 2) => 0x800,
                (_, 3) => 0x1_0000,
                (_, 4) => 0x11_0000,
                _ => 0x80,
            };
            let point = self.below(limit) as u32;
            text.push(if (0xd800..0xe000).contains(&point) { 0xffff } else { point });
        }
        text
    }

    /// Returns a value with at most `levels` levels of containers.
    pub(crate) fn value(&mut self, levels: usize) -> Value {
        match self.below(if levels == 0 { 8 } else { 12 }) {
            0 => Value::Null,
            1 => Value::Bool(self.below(2) == 0),
            2 => Value::integer(self.bits() as i64 >> self.below(64)),
            3 => self.long_integer(),
            4 | 5 => Value::float(self.float()),
            6 | 7 => Value::String(self.text()),
            8 | 9 => {
                let length = self.below(5);
                Value::Array((0..length).map(|_| self.value(levels - 1)).collect())
            }
            _ => {
                let length = self.below(6);
                let mut members: Vec<_> =
                    (0..length).map(|_| (self.text(), self.value(levels - 1))).collect();
                members.sort_by(|(one, _), (other, _)| one.cmp(other));
                members.dedup_by(|(one, _), (other, _)| one == other);
                Value::Object(members)
            }
        }
    }

    /// Returns a scalar inside exactly `levels` nested arrays and objects.
    pub(crate) fn nested(&mut self, levels: usize) -> Value {
        (0..levels).fold(self.value(0), |value, _| match self.below(2) {
            0 => Value::Array(vec![value]),
            _ => Value::Object(vec![(self.text(), value)]),
        })
    }

    fn long_integer(&mut self) -> Value {
        let length = 1 + self.below(38);
        let mut digits = if self.below(2) == 0 { "-".to_owned() } else { String::new() };
        digits.push(char::from(b'1' + self.below(9) as u8));
        digits.extend((0..length).map(|_| char::from(b'0' + self.below(10) as u8)));
        Value::Number(digits)
    }
}
