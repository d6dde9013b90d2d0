//! The macro that declares an endpoint of the new design.

/// Declares the request type of an endpoint of the new design, which has one field for its input, named `body`.
///
/// The setters change members of `settings`. `also` names a function with the rules of the endpoint. `contents` and
/// `default_duration` are methods that the type must have.
macro_rules! standard_endpoint {
    (
        $(#[$about:meta])*
        $name:ident: task($action:literal, $path:literal) {
            $body:ident: $body_type:ty,
            settings { $($setter:ident: $type:ty,)* }
        }
        also $also:path;
    ) => {
        $(#[$about])*
        #[derive(Clone, PartialEq, serde::Serialize)]
        pub struct $name {
            #[serde(skip)]
            model: String,
            $body: $body_type,
            settings: VideoSettings,
            options: Options,
        }

        impl $name {
            $(
                #[doc = concat!("Sets `settings.", stringify!($setter), "`.")]
                pub fn $setter(mut self, value: impl Into<$type>) -> $name {
                    self.settings.$setter = Some(value.into());
                    self
                }
            )*
        }

        endpoint!(@callback $name);
        endpoint!(@watermark $name);

        impl Sealed for $name {}

        impl Request for $name {
            const ACTION: &'static str = $action;
            const PATH: &'static str = $path;
            const DESIGN: ApiDesign = ApiDesign::New;
            type Output = Videos;

            fn check(&self) -> Result<(), RequestError> {
                // The model becomes a segment of the path, so other characters could change the path.
                let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
                let is_name = !self.model.is_empty() && self.model.bytes().all(is_plain) && !self.model.starts_with('.');
                require(is_name, "model", "must be the name of a model")?;
                self.settings.check()?;
                $also(self)?;
                self.options.check()
            }

            fn warnings(&self) -> Vec<String> {
                model_support::warnings($path, &self.model, &self.settings, self.contents())
            }

            fn path(&self) -> Cow<'static, str> {
                Cow::Owned(format!("{}/{}", $path, self.model))
            }

            fn options(&self) -> &Options {
                &self.options
            }

            fn options_mut(&mut self) -> &mut Options {
                &mut self.options
            }

            fn defaults(&self) -> Defaults {
                let duration = self.default_duration().map(str::to_owned);
                Defaults { duration, ..Defaults::default().model(&self.model) }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("model", &self.model)
                    .field("settings", &self.settings)
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(super) use standard_endpoint;
