//! Movements of the camera. The numbers are sent unchanged, because Kling's pages disagree about the directions of pan
//! and tilt.

use serde::ser::SerializeStruct;

use crate::kling::error::RequestError;

/// Movement of the camera, for the field `camera_control`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum CameraControl {
    /// `simple`: along or around one axis.
    Simple(CameraConfig),
    /// `down_back`: descends and moves backwards.
    DownBack,
    /// `forward_up`: moves forwards and tilts up.
    ForwardUp,
    /// `right_turn_forward`: turns right and moves forwards.
    RightTurnForward,
    /// `left_turn_forward`: turns left and moves forwards.
    LeftTurnForward,
    /// Any other movement without a configuration, sent unchanged.
    Other(String),
}

impl CameraControl {
    /// Returns Kling's name of the movement.
    pub fn kind(&self) -> &str {
        match self {
            CameraControl::Simple(_) => "simple",
            CameraControl::DownBack => "down_back",
            CameraControl::ForwardUp => "forward_up",
            CameraControl::RightTurnForward => "right_turn_forward",
            CameraControl::LeftTurnForward => "left_turn_forward",
            CameraControl::Other(kind) => kind,
        }
    }

    /// The error names the part of the field at fault.
    pub(crate) fn check(&self, _field: &'static str) -> Result<(), RequestError> {
        match self {
            CameraControl::Simple(config) => config.check(),
            CameraControl::Other(kind) if kind.trim().is_empty() => {
                Err(RequestError::new("camera_control.type", "must not be blank"))
            }
            _ => Ok(()),
        }
    }
}

impl serde::Serialize for CameraControl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("CameraControl", 2)?;
        object.serialize_field("type", self.kind())?;
        if let CameraControl::Simple(config) = self {
            object.serialize_field("config", config)?;
        }
        object.end()
    }
}

/// A simple camera movement. Exactly one of the six numbers is not zero, and it is between -10 and 10.
///
/// # Examples
///
/// ```
/// use kling_audit::kling::requests::{CameraConfig, CameraControl};
///
/// let closer = CameraControl::Simple(CameraConfig { zoom: 5.0, ..CameraConfig::default() });
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
pub struct CameraConfig {
    /// Along the x axis.
    pub horizontal: f64,
    /// Along the y axis.
    pub vertical: f64,
    /// Kling's `pan`.
    pub pan: f64,
    /// Kling's `tilt`.
    pub tilt: f64,
    /// Around the z axis.
    pub roll: f64,
    /// Focal length.
    pub zoom: f64,
}

impl CameraConfig {
    fn check(&self) -> Result<(), RequestError> {
        let axes = [
            ("camera_control.config.horizontal", self.horizontal),
            ("camera_control.config.vertical", self.vertical),
            ("camera_control.config.pan", self.pan),
            ("camera_control.config.tilt", self.tilt),
            ("camera_control.config.roll", self.roll),
            ("camera_control.config.zoom", self.zoom),
        ];
        for (field, value) in axes {
            // `contains` is false for NaN. A negated comparison with each bound would accept it.
            if !(-10.0..=10.0).contains(&value) {
                return Err(RequestError::new(field, "must be between -10 and 10"));
            }
        }
        if axes.iter().filter(|(_, value)| *value != 0.0).count() != 1 {
            return Err(RequestError::new(
                "camera_control.config",
                "must have exactly one axis that is not zero",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simple_movement_has_exactly_one_axis() {
        let still = CameraConfig::default();
        for (config, accepted) in [
            (still, false),
            (CameraConfig { zoom: 5.0, ..still }, true),
            (CameraConfig { pan: -10.0, ..still }, true),
            (CameraConfig { pan: -10.1, ..still }, false),
            (CameraConfig { roll: f64::NAN, ..still }, false),
            (CameraConfig { roll: f64::INFINITY, ..still }, false),
            (CameraConfig { zoom: 5.0, tilt: 1.0, ..still }, false),
        ] {
            assert_eq!(CameraControl::Simple(config).check("camera_control").is_ok(), accepted, "{config:?}");
        }
    }

    #[test]
    fn only_a_simple_movement_has_a_configuration() {
        let simple = CameraControl::Simple(CameraConfig { zoom: 5.0, ..CameraConfig::default() });

        assert_eq!(
            serde_json::to_value(simple).expect("an object"),
            serde_json::json!({"type": "simple", "config":
                {"horizontal": 0.0, "vertical": 0.0, "pan": 0.0, "tilt": 0.0, "roll": 0.0, "zoom": 5.0}})
        );
        assert_eq!(
            serde_json::to_value(CameraControl::DownBack).expect("an object"),
            serde_json::json!({"type": "down_back"})
        );
    }
}
