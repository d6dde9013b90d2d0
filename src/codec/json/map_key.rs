//! `NameSerializer`: the key of a map becomes a name.
//!
//! Promise: a key becomes the string that serde_json makes of it, and a key that it has no string for is an
//! error. Does not know whether a name appears twice.

use std::fmt;

use serde::ser::{Error as _, Impossible, Serialize, Serializer};

use crate::codec::json::error::{ValueError, display};
use crate::codec::json::wtf8::Text;

pub(crate) struct NameSerializer {
    steps: usize,
}

impl NameSerializer {
    /// Follows newtypes at most `steps` inwards.
    pub(crate) fn new(steps: usize) -> Self {
        Self { steps }
    }
}

fn no_name<T>() -> Result<T, ValueError> {
    Err(ValueError::custom("a map key that is not a string, a number, a bool or a unit variant"))
}

fn decimal<T>(value: impl itoa::Integer) -> Result<Text, T> {
    Ok(itoa::Buffer::new().format(value).into())
}

impl Serializer for NameSerializer {
    type Ok = Text;
    type Error = ValueError;

    type SerializeSeq = Impossible<Text, ValueError>;
    type SerializeTuple = Impossible<Text, ValueError>;
    type SerializeTupleStruct = Impossible<Text, ValueError>;
    type SerializeTupleVariant = Impossible<Text, ValueError>;
    type SerializeMap = Impossible<Text, ValueError>;
    type SerializeStruct = Impossible<Text, ValueError>;
    type SerializeStructVariant = Impossible<Text, ValueError>;

    fn serialize_str(self, value: &str) -> Result<Text, ValueError> {
        Ok(value.into())
    }

    fn serialize_char(self, value: char) -> Result<Text, ValueError> {
        Ok(value.to_string().into())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<Text, ValueError> {
        display(value)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Text, ValueError> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Text, ValueError> {
        match self.steps.checked_sub(1) {
            Some(steps) => value.serialize(Self { steps }),
            None => Err(ValueError::custom("nested too deep")),
        }
    }

    fn serialize_bool(self, value: bool) -> Result<Text, ValueError> {
        Ok(if value { "true" } else { "false" }.into())
    }

    fn serialize_i8(self, value: i8) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_i16(self, value: i16) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_i32(self, value: i32) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_i64(self, value: i64) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_i128(self, value: i128) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_u8(self, value: u8) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_u16(self, value: u16) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_u32(self, value: u32) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_u64(self, value: u64) -> Result<Text, ValueError> {
        decimal(value)
    }

    fn serialize_u128(self, value: u128) -> Result<Text, ValueError> {
        decimal(value)
    }

    // Not widened, and not laid out as a value is: serde_json writes 0.1_f32 as "0.1" here.
    fn serialize_f32(self, value: f32) -> Result<Text, ValueError> {
        if value.is_finite() { Ok(zmij::Buffer::new().format_finite(value).into()) } else { no_name() }
    }

    fn serialize_f64(self, value: f64) -> Result<Text, ValueError> {
        if value.is_finite() { Ok(zmij::Buffer::new().format_finite(value).into()) } else { no_name() }
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_none(self) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_unit(self) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<Text, ValueError> {
        no_name()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, ValueError> {
        no_name()
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, ValueError> {
        no_name()
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ValueError> {
        no_name()
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ValueError> {
        no_name()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, ValueError> {
        no_name()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeStruct, ValueError> {
        no_name()
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ValueError> {
        no_name()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(serde::Serialize)]
    enum Key {
        Unit,
        Newtype(u8),
    }

    #[derive(serde::Serialize)]
    struct Wrapped<T>(T);

    #[derive(serde::Serialize)]
    struct Nothing;

    /// A map of one member whose key need not be ordered.
    struct One<K>(K);

    impl<K: Serialize> Serialize for One<K> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([(&self.0, ())])
        }
    }

    fn same_as_serde_json(key: impl Serialize) {
        let ours = key.serialize(NameSerializer::new(8)).map_err(|error| error.to_string());
        let theirs = serde_json::to_value(One(&key))
            .ok()
            .and_then(|value| value.as_object().and_then(|object| object.keys().next().cloned()));

        assert_eq!(ours.clone().ok().map(|name| name.to_string_lossy()), theirs, "{ours:?}");
    }

    #[test]
    fn keys_are_those_of_serde_json() {
        same_as_serde_json("text");
        same_as_serde_json('é');
        same_as_serde_json(true);
        same_as_serde_json(false);
        same_as_serde_json(i8::MIN);
        same_as_serde_json(i16::MIN);
        same_as_serde_json(i32::MIN);
        same_as_serde_json(i64::MIN);
        same_as_serde_json(i128::MIN);
        same_as_serde_json(u8::MAX);
        same_as_serde_json(u16::MAX);
        same_as_serde_json(u32::MAX);
        same_as_serde_json(u64::MAX);
        same_as_serde_json(u128::MAX);
        same_as_serde_json(0.1_f32);
        same_as_serde_json(1e16_f64);
        same_as_serde_json(-0.0_f64);
        same_as_serde_json(Key::Unit);
        same_as_serde_json(Wrapped(Wrapped(7)));
        same_as_serde_json(std::net::Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn a_key_that_has_no_string_is_refused() {
        same_as_serde_json(());
        same_as_serde_json(Some("text"));
        same_as_serde_json(None::<u8>);
        same_as_serde_json(Key::Newtype(1));
        same_as_serde_json(Nothing);
        same_as_serde_json((1, 2));
        same_as_serde_json([1_u8; 3]);
        same_as_serde_json(Vec::<u8>::new());
        same_as_serde_json(BTreeMap::<u8, u8>::new());
        same_as_serde_json(f32::NAN);
        same_as_serde_json(f64::INFINITY);
    }

    #[test]
    fn a_key_without_an_end_is_refused() {
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_newtype_struct("Endless", &Endless)
            }
        }

        assert!(Endless.serialize(NameSerializer::new(100)).is_err());
    }
}
