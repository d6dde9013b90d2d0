//! Methods of `serde::Serializer` that differ in nothing but a type.
//!
//! Serde has one method for each integer type and one for each kind of container. A serializer of this crate treats the
//! integers alike, and the serializer of map keys refuses all containers.

/// Defines the ten integer methods; each returns `$convert(value)`.
macro_rules! serialize_integers {
    ($convert:path) => {
        $crate::codec::json::serializer_macros::serialize_integers! {
            $convert: serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
            serialize_i128(i128), serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
            serialize_u128(u128)
        }
    };
    ($convert:path: $($method:ident($integer:ty)),*) => {
        $(fn $method(self, value: $integer) -> Result<Self::Ok, Self::Error> {
            $convert(value)
        })*
    };
}

/// Defines methods that ignore their arguments and return the error of `$refusal()`.
macro_rules! refuse {
    ($refusal:path: $($method:ident($($argument:ty),*) -> $result:ty;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$result, Self::Error> {
            $refusal()
        })*
    };
}

pub(super) use {refuse, serialize_integers};
