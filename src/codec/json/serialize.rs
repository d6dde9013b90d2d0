//! `to_value`: turns anything that implements `Serialize` into a `Value`.
//!
//! Promise: values have the structure that serde_json gives them, and nothing is lost. Integers of 128 bits keep their
//! digits; a float that is not finite becomes its name, and bytes become hexadecimal digits. A duplicate name is an
//! error.
//!
//! Does not pass through `serde_json::Value`: how that holds a number depends on features which any other crate of a
//! program can enable.

use std::fmt;

use serde::ser::{self, Error as _, Serialize, Serializer};

use crate::codec::json::error::{ValueError, display};
use crate::codec::json::map_key::NameSerializer;
use crate::codec::json::parse::parse;
use crate::codec::json::serializer_macros::serialize_integers;
use crate::codec::json::value::Value;
use crate::codec::json::write;
use crate::codec::json::wtf8::Text;

/// Turns `value` into a [`Value`] whose containers have at most nesting level `max_level`.
///
/// # Errors
///
/// An error that `value` itself reports, a map key without a string, a duplicate name, or too deep nesting.
pub(crate) fn to_value<T: Serialize + ?Sized>(value: &T, max_level: usize) -> Result<Value, ValueError> {
    value.serialize(ValueSerializer { levels: max_level.min(Value::MAX_LEVELS), steps: MAX_SERIALIZE_STEPS })
}

/// Name of the struct as which serde_json serializes a number of arbitrary precision.
const NUMBER: &str = "$serde_json::private::Number";

/// Name of the struct as which serde_json serializes a piece of JSON text.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// Most nested values that are entered, containers or not. Serde recurses for each of them on the thread's stack.
const MAX_SERIALIZE_STEPS: usize = 512;

/// Most items for which memory is reserved in advance. A length is only a hint, and a wrong one must not exhaust
/// memory.
const MAX_RESERVED_ITEMS: usize = 1_024;

#[derive(Clone, Copy)]
struct ValueSerializer {
    /// Levels of containers that are still allowed.
    levels: usize,
    /// Nested values that are still allowed. Newtypes and options nest without being containers.
    steps: usize,
}

impl ValueSerializer {
    /// Returns the serializer of a container's items.
    fn enter(self) -> Result<Self, ValueError> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self.step()? }),
            None => Err(ValueError::custom("nested too deep")),
        }
    }

    /// Returns the serializer of the value inside a newtype or an option.
    fn step(self) -> Result<Self, ValueError> {
        match self.steps.checked_sub(1) {
            Some(steps) => Ok(Self { steps, ..self }),
            None => Err(ValueError::custom("nested too deep")),
        }
    }

    fn items(self, variant: Option<&'static str>, length: usize) -> Result<ItemsSerializer, ValueError> {
        // A variant with fields is an object around its array, which is one level more.
        let outer = if variant.is_some() { self.enter()? } else { self };
        let items = Vec::with_capacity(length.min(MAX_RESERVED_ITEMS));
        Ok(ItemsSerializer { inner: outer.enter()?, items, variant })
    }

    fn members(self, variant: Option<&'static str>, length: usize) -> Result<MembersSerializer, ValueError> {
        let outer = if variant.is_some() { self.enter()? } else { self };
        let members = Vec::with_capacity(length.min(MAX_RESERVED_ITEMS));
        Ok(MembersSerializer { inner: outer.enter()?, members, name: None, variant })
    }
}

/// Returns the value of an enum's variant: an object whose one member has the variant's name.
fn tagged(variant: Option<&'static str>, value: Value) -> Value {
    match variant {
        Some(variant) => Value::Object(vec![(variant.into(), value)]),
        None => value,
    }
}

fn integer(value: impl itoa::Integer) -> Result<Value, ValueError> {
    Ok(Value::integer(value))
}

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = ValueError;

    type SerializeSeq = ItemsSerializer;
    type SerializeTuple = ItemsSerializer;
    type SerializeTupleStruct = ItemsSerializer;
    type SerializeTupleVariant = ItemsSerializer;
    type SerializeMap = MembersSerializer;
    type SerializeStruct = StructSerializer;
    type SerializeStructVariant = MembersSerializer;

    fn serialize_bool(self, value: bool) -> Result<Value, ValueError> {
        Ok(Value::Bool(value))
    }

    serialize_integers!(integer);

    fn serialize_f32(self, value: f32) -> Result<Value, ValueError> {
        Ok(Value::float(f64::from(value)))
    }

    fn serialize_f64(self, value: f64) -> Result<Value, ValueError> {
        Ok(Value::float(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, ValueError> {
        Ok(Value::String(value.to_string().into()))
    }

    fn serialize_str(self, value: &str) -> Result<Value, ValueError> {
        Ok(Value::String(value.into()))
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<Value, ValueError> {
        display(value).map(Value::String)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<Value, ValueError> {
        Ok(Value::String(write::hex_digits(value).into()))
    }

    fn serialize_none(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, ValueError> {
        value.serialize(self.step()?)
    }

    fn serialize_unit(self) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, ValueError> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, ValueError> {
        Ok(Value::String(variant.into()))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<Value, ValueError> {
        value.serialize(self.step()?)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, ValueError> {
        Ok(tagged(Some(variant), value.serialize(self.enter()?)?))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<ItemsSerializer, ValueError> {
        self.items(None, length.unwrap_or_default())
    }

    fn serialize_tuple(self, length: usize) -> Result<ItemsSerializer, ValueError> {
        self.items(None, length)
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<ItemsSerializer, ValueError> {
        self.items(None, length)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<ItemsSerializer, ValueError> {
        self.items(Some(variant), length)
    }

    fn serialize_map(self, length: Option<usize>) -> Result<MembersSerializer, ValueError> {
        self.members(None, length.unwrap_or_default())
    }

    fn serialize_struct(self, name: &'static str, length: usize) -> Result<StructSerializer, ValueError> {
        match name {
            // serde_json hands numbers and raw JSON to other serializers as structs with these names.
            NUMBER | RAW_VALUE => Ok(StructSerializer::Text { token: name, outer: self, value: None }),
            _ => self.members(None, length).map(StructSerializer::Members),
        }
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<MembersSerializer, ValueError> {
        self.members(Some(variant), length)
    }
}

/// Collects the items of an array.
struct ItemsSerializer {
    inner: ValueSerializer,
    items: Vec<Value>,
    variant: Option<&'static str>,
}

/// Serde has one trait for each kind of array; all of them collect items alike.
macro_rules! collect_items {
    ($($trait:ident: $method:ident,)*) => {
        $(impl ser::$trait for ItemsSerializer {
            type Ok = Value;
            type Error = ValueError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
                self.items.push(value.serialize(self.inner)?);
                Ok(())
            }

            fn end(self) -> Result<Value, ValueError> {
                Ok(tagged(self.variant, Value::Array(self.items)))
            }
        })*
    };
}

collect_items! {
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field,
}

/// Collects the members of an object.
struct MembersSerializer {
    inner: ValueSerializer,
    members: Vec<(Text, Value)>,
    /// A key whose value serde has not passed yet.
    name: Option<Text>,
    variant: Option<&'static str>,
}

impl MembersSerializer {
    fn push<T: Serialize + ?Sized>(&mut self, name: Text, value: &T) -> Result<(), ValueError> {
        self.members.push((name, value.serialize(self.inner)?));
        Ok(())
    }

    fn into_value(self) -> Result<Value, ValueError> {
        if self.name.is_some() {
            return Err(ValueError::custom("a map key without a value"));
        }
        match Value::object(self.members) {
            Ok(object) => Ok(tagged(self.variant, object)),
            Err(name) => Err(ValueError::duplicate_name(&name)),
        }
    }
}

impl ser::SerializeMap for MembersSerializer {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ValueError> {
        match self.name.replace(key.serialize(NameSerializer::new(self.inner.steps))?) {
            None => Ok(()),
            // A faulty `Serialize` can call these methods in any order.
            Some(_) => Err(ValueError::custom("a map key without a value")),
        }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ValueError> {
        match self.name.take() {
            Some(name) => self.push(name, value),
            None => Err(ValueError::custom("a map value without a key")),
        }
    }

    fn end(self) -> Result<Value, ValueError> {
        self.into_value()
    }
}

impl ser::SerializeStructVariant for MembersSerializer {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), ValueError> {
        self.push(name.into(), value)
    }

    fn end(self) -> Result<Value, ValueError> {
        self.into_value()
    }
}

/// A struct, or JSON text that serde_json passes as a struct of one field.
enum StructSerializer {
    Members(MembersSerializer),
    /// The text is in the field called `token`, which is the struct's name as well.
    Text {
        token: &'static str,
        outer: ValueSerializer,
        value: Option<Value>,
    },
}

fn reserved_name<T>() -> Result<T, ValueError> {
    Err(ValueError::custom("a struct with a name that serde_json reserves"))
}

impl ser::SerializeStruct for StructSerializer {
    type Ok = Value;
    type Error = ValueError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        field: &T,
    ) -> Result<(), ValueError> {
        match self {
            Self::Members(members) => members.push(name.into(), field),
            Self::Text { token, outer, value: value @ None } if name == *token => {
                let Value::String(text) = field.serialize(outer.step()?)? else {
                    return Err(ValueError::custom("embedded JSON text that is not a string"));
                };
                // The text is parsed and not copied: it need not be canonical, nor keep the limits.
                let parsed = parse(text.as_bytes(), outer.levels)?;
                if name == NUMBER && !matches!(parsed, Value::Number(_)) {
                    return Err(ValueError::custom("a number whose text is no number"));
                }
                *value = Some(parsed);
                Ok(())
            }
            Self::Text { .. } => reserved_name(),
        }
    }

    fn end(self) -> Result<Value, ValueError> {
        match self {
            Self::Members(members) => members.into_value(),
            Self::Text { value: Some(value), .. } => Ok(value),
            Self::Text { .. } => reserved_name(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn text(value: impl Serialize) -> Result<String, String> {
        let value = to_value(&value, 128).map_err(|error| error.to_string())?;
        let mut out = Vec::new();
        value.write(&mut out);
        Ok(String::from_utf8(out).expect("ASCII"))
    }

    #[derive(serde::Serialize)]
    struct Nothing;

    #[derive(serde::Serialize)]
    struct Wrapped<T>(T);

    #[derive(serde::Serialize)]
    struct Pair(u8, &'static str);

    #[derive(serde::Serialize)]
    enum Shape {
        Unit,
        Newtype(u8),
        Tuple(u8, u8),
        Struct { z: u8, a: u8 },
    }

    #[derive(serde::Serialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        One { value: u8 },
    }

    #[derive(serde::Serialize)]
    struct Flat {
        own: u8,
        #[serde(flatten)]
        others: BTreeMap<String, u8>,
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<u8>,
        missing: Option<u8>,
    }

    struct Bytes(&'static [u8]);

    impl Serialize for Bytes {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }

    #[derive(serde::Serialize)]
    #[serde(rename = "$serde_json::private::Number")]
    struct Number {
        #[serde(rename = "$serde_json::private::Number")]
        text: &'static str,
    }

    #[derive(serde::Serialize)]
    #[serde(rename = "$serde_json::private::RawValue")]
    struct RawValue {
        #[serde(rename = "$serde_json::private::RawValue")]
        text: &'static str,
    }

    #[test]
    fn values_keep_every_digit() {
        assert_eq!(text(i128::MIN).as_deref(), Ok("-170141183460469231731687303715884105728"));
        assert_eq!(text(u128::MAX).as_deref(), Ok("340282366920938463463374607431768211455"));
        assert_eq!(text((i8::MIN, u64::MAX)).as_deref(), Ok("[-128, 18446744073709551615]"));
        assert_eq!(text(0.1_f64).as_deref(), Ok("0.1"));
        assert_eq!(text(0.1_f32).as_deref(), Ok("0.10000000149011612"));
        assert_eq!(text((f32::NAN, f64::NEG_INFINITY, 1.0)).as_deref(), Ok(r#"["NaN", "-Infinity", 1.0]"#));
        assert_eq!(text(Bytes(&[0, 0xab, 0xff])).as_deref(), Ok(r#""00abff""#));
    }

    #[test]
    fn structure_is_that_of_serde_json() {
        assert_eq!(text(((), None::<u8>, Some(1), Nothing)).as_deref(), Ok("[null, null, 1, null]"));
        assert_eq!(text(Wrapped('é')).as_deref(), Ok(r#""\u00e9""#));
        assert_eq!(text(Pair(1, "x")).as_deref(), Ok(r#"[1, "x"]"#));
        assert_eq!(text([Shape::Unit]).as_deref(), Ok(r#"["Unit"]"#));
        assert_eq!(text(Shape::Newtype(1)).as_deref(), Ok(r#"{"Newtype": 1}"#));
        assert_eq!(text(Shape::Tuple(1, 2)).as_deref(), Ok(r#"{"Tuple": [1, 2]}"#));
        assert_eq!(text(Shape::Struct { z: 1, a: 2 }).as_deref(), Ok(r#"{"Struct": {"a": 2, "z": 1}}"#));
        assert_eq!(text(Tagged::One { value: 1 }).as_deref(), Ok(r#"{"kind": "One", "value": 1}"#));
        assert_eq!(text(std::net::Ipv4Addr::LOCALHOST).as_deref(), Ok(r#""127.0.0.1""#));
        assert_eq!(text(BTreeMap::from([(10, 1), (9, 2)])).as_deref(), Ok(r#"{"10": 1, "9": 2}"#));
        assert_eq!(
            text(serde_json::json!({"b": [1, -1, 0.5, null, true], "a": {}})).as_deref(),
            Ok(r#"{"a": {}, "b": [1, -1, 0.5, null, true]}"#)
        );
    }

    #[test]
    fn duplicate_name_is_refused() {
        let flat = |name: &str| Flat {
            own: 1,
            others: BTreeMap::from([(name.to_owned(), 2)]),
            absent: None,
            missing: None,
        };

        assert_eq!(text(flat("other")).as_deref(), Ok(r#"{"missing": null, "other": 2, "own": 1}"#));
        assert_eq!(text(flat("own")), Err(r#"a name appears twice: "own""#.to_owned()));
    }

    #[test]
    fn number_of_arbitrary_precision_is_parsed() {
        assert_eq!(text([Number { text: "1e5" }]).as_deref(), Ok("[100000.0]"));
        assert_eq!(text(Number { text: "568971736690281.25" }).as_deref(), Ok("568971736690281.2"));
        assert_eq!(text(Number { text: "[1]" }), Err("a number whose text is no number".to_owned()));
        assert_eq!(
            text(Number { text: "1e400" }),
            Err("embedded JSON text: a number beyond the largest double (byte 0)".to_owned())
        );
    }

    #[test]
    fn raw_json_text_is_parsed() {
        assert_eq!(text([RawValue { text: r#" {"b":1,"a":[]} "# }]).as_deref(), Ok(r#"[{"a": [], "b": 1}]"#));
        assert_eq!(
            text(RawValue { text: r#"{"a":1,"a":1}"# }),
            Err(r#"embedded JSON text: a name appears twice: "a" (byte 7)"#.to_owned())
        );
        assert!(to_value(&[RawValue { text: "[[]]" }], 3).is_ok());
        assert!(to_value(&[RawValue { text: "[[]]" }], 2).is_err());
    }

    #[test]
    fn struct_with_a_reserved_name_is_refused() {
        #[derive(serde::Serialize)]
        #[serde(rename = "$serde_json::private::RawValue")]
        struct Fake {
            field: u8,
        }
        #[derive(serde::Serialize)]
        #[serde(rename = "$serde_json::private::Number")]
        struct Empty {}
        #[derive(serde::Serialize)]
        #[serde(rename = "$serde_json::private::Number")]
        struct NoText {
            #[serde(rename = "$serde_json::private::Number")]
            field: u8,
        }

        assert!(text(Fake { field: 1 }).is_err());
        assert!(text(Empty {}).is_err());
        assert!(text(NoText { field: 1 }).is_err());
    }

    #[test]
    fn nesting_is_limited() {
        struct Nested(usize);
        impl Serialize for Nested {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq((self.0 > 1).then(|| Nested(self.0 - 1)))
            }
        }
        struct Endless;
        impl Serialize for Endless {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_some(&Endless)
            }
        }

        assert!(to_value(&Nested(128), 128).is_ok());
        assert_eq!(to_value(&Nested(129), 128), Err(ValueError::custom("nested too deep")));
        assert!(to_value(&Nested(100_000), usize::MAX).is_err());
        assert!(to_value(&Endless, 128).is_err());
        assert!(to_value(&Shape::Tuple(1, 2), 2).is_ok());
        assert!(to_value(&Shape::Tuple(1, 2), 1).is_err());
        assert!(to_value(&Shape::Struct { z: 1, a: 2 }, 1).is_err());
        assert!(to_value(&Shape::Newtype(1), 0).is_err());
        assert!(to_value(&1, 0).is_ok());
    }

    #[test]
    fn failing_display_is_an_error_and_no_panic() {
        struct Silent;
        impl fmt::Display for Silent {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        impl Serialize for Silent {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        assert_eq!(text(Silent), Err("a value whose `Display` reports an error".to_owned()));
        assert!(display(&Silent).is_err());
    }

    #[test]
    fn errors_of_a_value_are_sanitized() {
        struct Failing;
        impl Serialize for Failing {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("no\x1b[2J"))
            }
        }

        assert_eq!(text(vec![Failing]), Err(r"no\u{1b}[2J".to_owned()));
    }
}
