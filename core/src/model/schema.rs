//! JSON Schema: a schema that compiled, so that a bad one is refused where it is given.

use serde_json::Value;

use crate::error::{Error, Result};

/// A compiled JSON Schema. `$ref`s resolve inside the schema only: no file and no network is touched.
pub(crate) struct JsonSchema(jsonschema::Validator);

impl JsonSchema {
    pub(crate) fn compile(schema: &Value) -> Result<JsonSchema> {
        jsonschema::validator_for(schema)
            .map(JsonSchema)
            .map_err(|e| Error::InvalidSchema { reason: format!("this is not a JSON Schema: {e}") })
    }

    /// Says where and why `value` does not fit.
    pub(crate) fn check(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value).map_err(|e| {
            let at = e.instance_path().to_string();
            if at.is_empty() { e.to_string() } else { format!("{e} (at {at})") }
        })
    }

    pub(crate) fn is_valid(&self, value: &Value) -> bool {
        self.0.is_valid(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_schema_checks_and_reaches_nothing_outside() {
        let schema = JsonSchema::compile(&json!({"type": "object", "required": ["a"]})).unwrap();
        assert!(schema.is_valid(&json!({"a": 1})));
        assert!(schema.check(&json!({})).unwrap_err().contains("a"));
        let code = |schema| JsonSchema::compile(&schema).err().map(|e| e.code());
        assert_eq!(code(json!({"type": "nonsense"})), Some("invalid-schema"));
        assert_eq!(code(json!({"$ref": "file:///etc/passwd"})), Some("invalid-schema"));
        assert_eq!(code(json!({"$ref": "https://example.org/schema.json"})), Some("invalid-schema"));
    }
}
