//! SQL expressions, by DataFusion.

use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{DataType, Schema};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::SessionConfig;
use datafusion::sql::sqlparser::ast::{Expr as Parsed, ExprWithAlias, visit_expressions};

/// An SQL expression, and the columns that it names.
#[derive(Clone, Debug)]
pub(in crate::input) struct Expression {
    text: String,
    parsed: Parsed,
    columns: Vec<String>,
}

/// The functions and the settings of every expression.
fn state() -> &'static SessionState {
    static STATE: OnceLock<SessionState> = OnceLock::new();
    STATE.get_or_init(|| {
        let mut config = SessionConfig::new();
        // Names of columns are as the file has them.
        config.options_mut().sql_parser.enable_ident_normalization = false;
        SessionStateBuilder::new().with_config(config).with_default_features().build()
    })
}

impl Expression {
    /// Parses an expression.
    ///
    /// # Errors
    /// It is none; the message says where.
    pub(in crate::input) fn parse(text: &str) -> Result<Self, String> {
        let dialect = state().config_options().sql_parser.dialect;
        let parsed = state().sql_to_expr_with_alias(text, &dialect).map_err(|error| said(&error))?;
        let ExprWithAlias { expr: parsed, alias: None } = parsed else {
            return Err("an expression has no name of its own; leave `as` and the name out".into());
        };
        let mut columns: Vec<String> = Vec::new();
        let _ = visit_expressions(&parsed, |part| {
            let name = match part {
                Parsed::Identifier(name) => Some(name),
                Parsed::CompoundIdentifier(names) => names.first(),
                _ => None,
            };
            if let Some(name) = name
                && !columns.contains(&name.value)
            {
                columns.push(name.value.clone());
            }
            ControlFlow::<()>::Continue(())
        });
        Ok(Self { text: text.to_owned(), parsed, columns })
    }

    /// Whether it is nothing but the name of a column.
    pub(in crate::input) fn is_name(&self) -> bool {
        matches!(self.parsed, Parsed::Identifier(_))
    }

    /// The columns that it names.
    pub(in crate::input) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Prepares it for columns of these types.
    ///
    /// # Errors
    /// A function is unknown, types do not fit, or the value is another one each time.
    pub(super) fn compile(&self, schema: &Schema) -> Result<Compiled, String> {
        let compiled = || -> Result<_, DataFusionError> {
            let columns = DFSchema::try_from(schema.clone())?;
            let whole = ExprWithAlias { expr: self.parsed.clone(), alias: None };
            let logical = state().create_logical_expr_from_sql_expr(whole, &columns)?;
            let is_volatile = logical.is_volatile();
            let context = SimplifyContext::builder()
                .with_schema(Arc::new(columns.clone()))
                .with_config_options(state().config_options().clone())
                .build();
            // Some functions, such as `coalesce`, are written as others.
            let simplifier = ExprSimplifier::new(context);
            let logical = simplifier.simplify(simplifier.coerce(logical, &columns)?)?;
            let physical = state().create_physical_expr(logical, &columns)?;
            let data_type = physical.data_type(schema)?;
            Ok((is_volatile, physical, data_type))
        };
        let (is_volatile, physical, data_type) = compiled().map_err(|error| said(&error))?;
        if is_volatile {
            return Err(
                "it has another value each time, so a run that was stopped could not go on; leave random functions out"
                    .into(),
            );
        }
        let compiled = Compiled { text: self.text.clone(), physical, data_type };
        // What has no value for a row of nulls has none for any row.
        let nulls = schema.fields().iter().map(|field| new_null_array(field.data_type(), 1)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(1));
        let row = RecordBatch::try_new_with_options(Arc::new(schema.clone()), nulls, &options);
        compiled.values(&row.map_err(|error| error.to_string())?)?;
        Ok(compiled)
    }
}

/// An expression for the columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) text: String,
    physical: Arc<dyn PhysicalExpr>,
    pub(super) data_type: DataType,
}

impl Compiled {
    /// Its value in each row.
    ///
    /// # Errors
    /// It has no value in a row, such as for a division by zero.
    pub(super) fn values(&self, batch: &RecordBatch) -> Result<ArrayRef, String> {
        let values = self.physical.evaluate(batch).and_then(|values| values.into_array(batch.num_rows()));
        values.map_err(|error| said(&error))
    }
}

/// What an error says, in one line.
fn said(error: &DataFusionError) -> String {
    let text = match error.find_root() {
        DataFusionError::SQL(error, _) => error.to_string(),
        other => other.message().into_owned(),
    };
    let text = text.strip_prefix("sql parser error: ").unwrap_or(&text);
    // What follows are hints for callers of the library.
    text.lines().map(str::trim).filter(|line| !line.is_empty()).take(2).collect::<Vec<_>>().join(" ")
}
