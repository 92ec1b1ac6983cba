//! Methods as values: those of the program with their options, and a user's own.

use std::sync::Arc;

use inseq_core::{About, AttributionKind};
use inseq_methods::gradient::{IntegratedGradients, Quadrature};
use inseq_methods::perturbation::Lime;
use inseq_methods::{
    AttributionModel, AttributionRequest, Attributions, Count, Error, Method, MethodContext, MethodInfo, Methods,
    list_methods,
};
use inseq_tests::fixture;
use ndarray::{ArrayD, IxDyn};
use serde_json::{Map, Value, json};

const TEXT: &str = "The doors are white.";

/// The number of tokens between a token and the one that is predicted, as a share of the steps.
#[derive(Debug)]
struct Distance {
    scale: f32,
}

impl Method for Distance {
    fn name(&self) -> &str {
        "distance"
    }

    fn arguments(&self) -> Map<String, Value> {
        Map::from_iter([("scale".to_owned(), json!(self.scale))])
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> inseq_methods::Result<Attributions> {
        let text = context.text(entry);
        let steps = text.steps.clone();
        let score = |at: &[usize]| steps.position(at[1]) as f32 * self.scale - at[0] as f32;
        let side = |rows: usize| ArrayD::from_shape_fn(IxDyn(&[rows, steps.len()]), |at| score(&[at[0], at[1]]));
        (context.advance)(steps.len())?;
        let wanted = context.wanted();
        Ok(Attributions {
            source: wanted.source.then(|| side(text.source.len())),
            target: wanted.target.then(|| side(text.steps.end())),
            kind: AttributionKind::Coarse,
            ..Attributions::default()
        })
    }
}

fn request() -> AttributionRequest {
    AttributionRequest::new([TEXT]).generated_texts(["Les portes sont blanches."])
}

#[test]
fn a_method_of_ones_own_runs_as_a_value_and_by_its_name() {
    let mut model = AttributionModel::demo().unwrap();
    let result = model.attribute(&request().method(Distance { scale: 2.0 })).unwrap();
    let sequence = &result.sequences[0];
    let scores = sequence.source_attributions.as_ref().unwrap();
    assert_eq!(scores.shape(), [sequence.source.len(), sequence.steps()]);
    assert_eq!((scores[[0, 0]], scores[[1, 2]]), (2.0, 5.0));
    assert_eq!(result.info.to_map()["attribution_method"], "distance");
    assert_eq!(result.info.to_map()["attribution_args"], json!({ "scale": 2.0 }));

    let unknown = model.attribute(&request().method("distance")).unwrap_err();
    assert!(matches!(unknown, Error::Unknown { .. }), "{unknown}");
    model.register_method(Distance { scale: 2.0 }).unwrap();
    let by_name = model.attribute(&request().method("distance")).unwrap();
    assert_eq!(by_name.sequences, result.sequences);
    let taken = model.register_method(Distance { scale: 1.0 }).unwrap_err().to_string();
    assert!(taken.contains("`distance` belongs to another attribution method already"), "{taken}");
    assert!(Methods::new().get("distance").is_err(), "registered with one model, not with all");
    assert!(AttributionModel::demo().unwrap().methods().get("distance").is_err());
}

#[test]
fn names_of_built_in_methods_are_theirs_alone() {
    let model = AttributionModel::demo().unwrap();
    for name in ["saliency", "layer_deeplift", "dummy"] {
        let error = model.facts(&request().method(Named(name))).unwrap_err();
        assert!(matches!(&error, Error::Argument { name, .. } if name == "method"), "{error:?}");
        assert!(error.to_string().contains(&format!("is called `{name}`, which is the name of a built-in")), "{error}");
    }
    assert!(model.facts(&request().method(Named(""))).unwrap_err().to_string().contains("empty name"));
    assert_eq!(model.facts(&request().method(Named("saliences"))).unwrap()["attribution_method"], "saliences");
    for info in list_methods() {
        let by_value = request().method(info.with(&Map::new()).unwrap());
        assert_eq!(model.facts(&by_value).unwrap()["attribution_method"], info.name);
    }
}

/// A method with any name.
#[derive(Debug)]
struct Named(&'static str);

impl Method for Named {
    fn name(&self) -> &str {
        self.0
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> inseq_methods::Result<Attributions> {
        Distance { scale: 1.0 }.attribute_text(context, entry)
    }
}

#[test]
fn a_registered_method_takes_arguments_that_are_listed() {
    const SCALE: inseq_core::Argument = inseq_core::Argument::new("scale", "1.0", "What positions are multiplied by.");
    let mut model = AttributionModel::demo().unwrap();
    let info = MethodInfo {
        about: About {
            name: "distance",
            description: "How far is a token from the step?",
            details: "",
            arguments: &[SCALE],
        },
        cost: "1 forward",
        citation: "none",
        make: Arc::new(|arguments| {
            let scale = arguments.get("scale").map_or(Some(1.0), Value::as_f64);
            let scale = scale.ok_or_else(|| Error::argument("scale", "`scale` must be a number".into()))? as f32;
            Ok(Arc::new(Distance { scale }))
        }),
    };
    model.methods_mut().register(info).unwrap();
    assert!(model.methods().explain("distance").unwrap().contains("scale (1.0): What positions"));
    let result = model.attribute(&request().method("distance").attribution_argument("scale", 3)).unwrap();
    assert_eq!(result.sequences[0].source_attributions.as_ref().unwrap()[[0, 0]], 3.0);
    let unknown = model.attribute(&request().method("distance").attribution_argument("scales", 3)).unwrap_err();
    assert!(unknown.to_string().contains("it takes `scale` (did you mean `scale`?)"), "{unknown}");
    let wrong = model.attribute(&request().method("distance").attribution_argument("scale", "x")).unwrap_err();
    assert!(wrong.to_string().contains("`scale` must be a number"), "{wrong}");
}

#[test]
fn options_as_a_value_are_those_by_name() {
    let model = AttributionModel::demo().unwrap();
    let n_steps = Count::of::<7>();
    let typed = request().method(IntegratedGradients { n_steps, ..Default::default() });
    let named = request().method("integrated_gradients").attribution_argument("n_steps", 7);
    let [typed, named] = [typed, named].map(|request| model.attribute(&request).unwrap());
    assert_eq!(typed.sequences, named.sequences);
    assert_eq!(typed.info.to_map()["attribution_method"], "integrated_gradients");
    assert_eq!(typed.info.to_map()["attribution_args"]["n_steps"], 7);
    assert_eq!(typed.info.to_map()["attribution_args"]["method"], "gausslegendre");
}

#[test]
fn options_as_a_value_are_checked_as_those_by_name() {
    let model = AttributionModel::demo().unwrap();
    let refused = |request: AttributionRequest| model.attribute(&request).unwrap_err().to_string();
    let few = IntegratedGradients { n_steps: Count::of::<1>(), method: Quadrature::RiemannLeft, ..Default::default() };
    assert!(refused(request().method(few)).contains("`n_steps` must be at least 2"));
    let all = Lime { mask_prob: 1.0, ..Default::default() };
    assert!(refused(request().method(all)).contains("`mask_prob` must lie between 0 and 1"));
    let both = request().method(Lime::default()).attribution_argument("n_samples", 3);
    assert!(refused(both).contains("the method `lime` is given with its options"));
}

/// What a method gives that is wrong.
#[derive(Clone, Debug)]
struct Broken(&'static str);

impl Method for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn attribute_text(&self, context: &mut MethodContext, entry: usize) -> inseq_methods::Result<Attributions> {
        let text = context.text(entry);
        let (source, target, steps) = (text.source.len(), text.steps.end(), text.steps.len());
        let mut shape = vec![source, steps];
        let mut result = Attributions { kind: AttributionKind::Coarse, ..Attributions::default() };
        match self.0 {
            "source" => shape[0] += 1,
            "steps" => shape[1] -= 1,
            "kind" => result.kind = AttributionKind::Granular,
            "target" => result.target = Some(ArrayD::zeros(IxDyn(&[target - 2, steps]))),
            "scores" => result.step_scores.push(("odd".into(), ndarray::Array1::zeros(steps + 1))),
            _ => {}
        }
        result.source = Some(ArrayD::zeros(IxDyn(&shape)));
        Ok(result)
    }

    fn attribute(&self, context: &mut MethodContext) -> inseq_methods::Result<Vec<Attributions>> {
        let texts = context.point.texts.len();
        let count = match self.0 {
            "fewer" => texts - 1,
            "more" => texts + 1,
            _ => texts,
        };
        (0..count).map(|entry| self.attribute_text(context, entry.min(texts - 1))).collect()
    }
}

#[test]
fn results_that_do_not_fit_their_text_are_refused_with_the_name_of_the_method() {
    let model = AttributionModel::demo().unwrap();
    let cases = [
        ("fewer", "gave 1 results for 2 texts"),
        ("more", "gave 3 results for 2 texts"),
        ("source", "source attributions"),
        ("steps", "source attributions"),
        ("kind", "source attributions"),
        ("target", "target attributions"),
        ("scores", "step score `odd`"),
    ];
    for (what, part) in cases {
        let texts = AttributionRequest::new([TEXT, TEXT]).generated_texts(["Les portes.", "Les portes."]);
        let message = model.attribute(&texts.method(Broken(what))).unwrap_err().to_string();
        assert!(message.contains("the method `broken`") && message.contains(part), "{what}: {message}");
    }
    // A source where the model has none.
    let decoder_only = fixture("architectures/gpt2");
    let decoder_only = AttributionModel::load(decoder_only.to_str().unwrap()).unwrap();
    let texts = AttributionRequest::new(["the dog"]).generated_texts(["the dog ran"]);
    let message = decoder_only.attribute(&texts.method(Broken(""))).unwrap_err().to_string();
    assert!(message.contains("the method `broken`") && message.contains("has no encoder"), "{message}");
}
