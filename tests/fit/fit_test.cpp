// The loop: the numbers of single_train_step_, the history, the order of the calls.
#include "luxtorch/fit/fit.h"

#include <gtest/gtest.h>

#include <csignal>
#include <stdexcept>

#include "fit/fit_cases.h"
#include "luxtorch/core/error.h"
#include "luxtorch/fit/watchers.h"
#include "luxtorch/metrics/classes.h"
#include "luxtorch/metrics/scores.h"
#include "luxtorch/optim/scheduler.h"
#include "support/error_text.h"

namespace luxtorch {
namespace {

using namespace testing;

double at(const Tree& history, const std::string& column, int64_t epoch) {
  return history[column].tensor()[epoch].item<double>();
}

TEST(Fit, GivesTheNumbersOfTheStepsInALoop) {
  TrainState by_hand = small_training(), fitted = small_training();
  auto loader = training_batches(), again = training_batches();
  std::vector<double> means;
  for (int epoch = 0; epoch < 3; ++epoch) {
    double sum = 0;
    for (const Tree& batch : loader) {
      auto step = single_train_step_(kLoss, batch, by_hand);
      sum += step.loss.item<double>() * static_cast<double>(batch[1].tensor().size(0));
    }
    means.push_back(sum / 60);
  }
  auto history = fit(fitted, kLoss, again, {.epochs = 3});
  EXPECT_TRUE(tree::equal(by_hand.parameters(), fitted.parameters()));
  EXPECT_TRUE(tree::equal(by_hand.states(), fitted.states()));
  EXPECT_TRUE(tree::equal(by_hand.optimizer_state(), fitted.optimizer_state()));
  EXPECT_TRUE(tree::equal(loader.position(), again.position()));
  ASSERT_EQ(history["loss"].tensor().sizes(), Shape({3}));
  for (int64_t i = 0; i < 3; ++i) EXPECT_EQ(at(history, "loss", i), means[i]);
  EXPECT_EQ(history["step"].tensor()[2].item<int64_t>(), 21);
  EXPECT_EQ(history["epoch"].tensor()[0].item<int64_t>(), 1);
  EXPECT_EQ(at(history, "lr", 0), 0.02);
  EXPECT_EQ(history.stop_reason, "");
}

TEST(Fit, GoesOnInAnEpochThatTheProgramHasBegun) {
  TrainState by_hand = small_training(), fitted = small_training();
  auto loader = training_batches(), again = training_batches();
  int64_t seen = 0;
  double sum = 0, observations = 0;
  for (const Tree& batch : loader) {
    if (++seen <= 3) continue;
    const auto size = static_cast<double>(batch[1].tensor().size(0));
    sum += size * single_train_step_(kLoss, batch, by_hand).loss.item<double>();
    observations += size;
  }
  auto it = again.begin();
  ++it, ++it;
  const Tree position = again.position();
  again.set_position_(position);
  auto history = fit(fitted, kLoss, again, {.epochs = 1});
  EXPECT_EQ(fitted.step, 4);
  EXPECT_TRUE(tree::equal(by_hand.parameters(), fitted.parameters()));
  EXPECT_EQ(at(history, "loss", 0), sum / observations);
}

TEST(Fit, ValidatesInTestModeAndWithoutAGraph) {
  TrainState ts = small_training();
  auto train = training_batches(), valid = validation_batches();
  auto history = fit(ts, kLoss, train,
                     {.epochs = 2,
                      .validation = &valid,
                      .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}},
                                  {"error", [](const Tensor& y_hat, const Tensor& y) {
                                     return (sigmoid(y_hat) - y).abs().mean();
                                   }}}});
  auto [x, y] = points(2).tensors<2>();
  auto y_hat = predict<Tensor>(ts.model, x, ts.parameters(), ts.states());
  EXPECT_NEAR(at(history, "validation_loss", 1), kLoss(y_hat, y).item<double>(), 1e-7);
  const double right = ((y_hat > 0) == (y > 0.5)).to(kFloat64).mean().item<double>();
  EXPECT_EQ(at(history, "validation_accuracy", 1), right);
  EXPECT_NEAR(at(history, "validation_error", 1), (sigmoid(y_hat) - y).abs().mean().item<double>(),
              1e-7);
  EXPECT_FALSE(history.contains("accuracy"));

  const Tree same = evaluate(ts, kLoss, valid, {{"accuracy", metrics::Accuracy{.threshold = 0}}});
  EXPECT_EQ(same["loss"].tensor().item<double>(), at(history, "validation_loss", 1));
  EXPECT_EQ(same["accuracy"].tensor().item<double>(), right);
}

TEST(Fit, ComputesMetricsOfTheTrainingOutputsOnRequest) {
  // With a learning rate of 0 and no dropout the outputs are those of the model.
  Layer model = Chain(Dense(2, 4, relu), Dense(4, 1));
  auto [ps, st] = setup(Rng(3), model);
  TrainState ts(model, ps, st, Descent(0.0)), plain(model, ps, st, Descent(0.0));
  auto train = training_batches();
  auto history = fit(ts, kLoss, train,
                     {.epochs = 1,
                      .metrics = {{"accuracy", metrics::Accuracy{.threshold = 0}}},
                      .training_metrics = true});
  auto [x, y] = points().tensors<2>();
  auto y_hat = predict<Tensor>(model, x, ps, st);
  EXPECT_EQ(at(history, "accuracy", 0),
            ((y_hat > 0) == (y > 0.5)).to(kFloat64).mean().item<double>());
  auto again = training_batches();
  EXPECT_EQ(at(fit(plain, kLoss, again, {.epochs = 1}), "loss", 0), at(history, "loss", 0));
}

TEST(Fit, LeavesOutEpochsWithoutAValidation) {
  TrainState ts = small_training();
  auto train = training_batches(), valid = validation_batches();
  auto history = fit(ts, kLoss, train, {.epochs = 5, .validation = &valid, .validate_every = 2});
  for (int64_t i : {0, 2}) EXPECT_TRUE(std::isnan(at(history, "validation_loss", i))) << i;
  for (int64_t i : {1, 3, 4}) EXPECT_TRUE(std::isfinite(at(history, "validation_loss", i))) << i;
}

TEST(Fit, TellsTheLearningRateOfASchedule) {
  auto optimizer = Scheduler(Adam(), schedule::Exp(0.1, 0.5));
  TrainState ts = small_training(OptimiserChain(ClipNorm(1.0), optimizer));
  auto train = training_batches();
  auto history = fit(ts, kLoss, train, {.epochs = 2});
  EXPECT_DOUBLE_EQ(at(history, "lr", 0), schedule::Exp(0.1, 0.5)(8));  // of the step that comes
  EXPECT_DOUBLE_EQ(at(history, "lr", 1), schedule::Exp(0.1, 0.5)(15));
}

// Writes down what it is called with.
struct Recorder {
  std::shared_ptr<std::vector<std::string>> calls = std::make_shared<std::vector<std::string>>();
  void add(const std::string& text) { calls->push_back(text); }
  void on_resume(const Event&) { add("resume"); }
  void on_start(const Event& e) { add("start " + std::to_string(e.epoch)); }
  void on_step(Event& e) {
    add("step " + std::to_string(e.epoch) + "." + std::to_string(e.batch));
    EXPECT_TRUE(std::isfinite(e.loss()));
    EXPECT_EQ(e.gradients().keys(), e.ts.parameters().keys());
    EXPECT_GT(e.samples_per_second, 0);
  }
  void on_epoch(Event& e) {
    add("epoch " + std::to_string(e.epoch));
    EXPECT_EQ(e.metric("loss"), e.loss());
    e.note("noted");
  }
  void on_note(const Event&, const std::string& text) { add(text); }
  void on_end(const Event& e) { add("end " + e.stop_reason()); }
};

TEST(Fit, CallsTheCallbacksInOrder) {
  TrainState ts = small_training();
  auto train = data::DataLoader(points(), {.batch_size = 30});
  Recorder recorder;
  fit(ts, kLoss, train, {.epochs = 2, .callbacks = {recorder}});
  const std::vector<std::string> expected{"resume",  "start 0", "step 1.1", "step 1.2",
                                          "epoch 1", "noted",   "step 2.1", "step 2.2",
                                          "epoch 2", "noted",   "end "};
  EXPECT_EQ(*recorder.calls, expected);
}

TEST(Fit, StopsWhereACallbackSaysSo) {
  struct Stop {
    void on_step(Event& e) {
      if (e.ts.step == 9) e.stop("enough");
      if (e.ts.step == 9) e.stop("another reason");
    }
  };
  TrainState ts = small_training();
  auto train = training_batches();
  Recorder recorder;
  auto history = fit(ts, kLoss, train, {.epochs = 5, .callbacks = {Stop{}, recorder}});
  EXPECT_EQ(ts.step, 9);
  EXPECT_EQ(history.stop_reason, "enough");
  EXPECT_EQ(history["loss"].tensor().size(0), 1);
  EXPECT_EQ(recorder.calls->back(), "end enough");
}

TEST(Fit, ALentCallbackIsTheProgramsOwn) {
  struct Counter {
    int steps = 0;
    void on_step(const Event&) { ++steps; }
  } counter;
  TrainState ts = small_training();
  auto train = training_batches();
  fit(ts, kLoss, train, {.epochs = 1, .callbacks = {std::ref(counter)}});
  EXPECT_EQ(counter.steps, 7);
}

TEST(Fit, NamesACallbackThatThrowsAndEndsTheOthers) {
  struct Broken {
    void on_step(const Event& e) {
      if (e.ts.step == 2) throw std::runtime_error("no space left");
    }
    std::string name() const { return "Broken(7)"; }
  };
  TrainState ts = small_training();
  auto train = training_batches();
  Recorder recorder;
  try {
    fit(ts, kLoss, train, {.epochs = 1, .callbacks = {Broken{}, recorder}});
    FAIL();
  } catch (const ArgumentError& e) {
    EXPECT_STREQ(
        e.what(),
        "[fit] the callback Broken(7) failed in on_step, in epoch 1 at step 2: no space left");
    try {
      std::rethrow_if_nested(e);
      FAIL();
    } catch (const std::runtime_error& cause) {
      EXPECT_STREQ(cause.what(), "no space left");
    }
  }
  EXPECT_EQ(recorder.calls->back().substr(0, 4), "end ");
}

TEST(Fit, AStepThatThrowsLeavesTheStateAndEndsTheCallbacks) {
  TrainState ts = small_training();
  auto train = training_batches();
  Recorder recorder;
  auto nan_at_4 = [](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
    auto out = Objective(kLoss)(model, ps, st, batch);
    static int calls = 0;
    if (++calls == 4) out.loss = out.loss * std::numeric_limits<double>::quiet_NaN();
    return out;
  };
  EXPECT_THROW(fit(ts, nan_at_4, train, {.epochs = 1, .callbacks = {recorder}}), NonFiniteError);
  EXPECT_EQ(ts.step, 3);
  EXPECT_EQ(recorder.calls->back().substr(0, 4), "end ");

  struct Forgive {
    bool on_error(Event&, const std::exception& e) {
      return dynamic_cast<const NonFiniteError*>(&e) != nullptr;
    }
  };
  auto nan = [](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
    auto out = Objective(kLoss)(model, ps, st, batch);
    out.loss = out.loss * std::numeric_limits<double>::quiet_NaN();
    return out;
  };
  auto history = fit(ts, nan, train, {.epochs = 1, .callbacks = {Forgive{}}});
  EXPECT_NE(history.stop_reason.find("finite loss"), std::string::npos) << history.stop_reason;
}

TEST(Fit, ANonFiniteOutputIsAStepThatFailsAlsoForTheMetrics) {
  TrainState ts = small_training();
  auto train = training_batches();
  auto nan = [](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
    auto [y, next] = model(batch[0], ps, st);
    return LossOut{y.tensor().mean() * std::numeric_limits<double>::quiet_NaN(), next};
  };
  Layer poisoned = Chain(ts.model, [](const Tensor& y) { return y / 0.0 * 0.0; });
  auto [ps, st] = setup(Rng(3), poisoned);
  TrainState bad(poisoned, ps, st, Adam(0.02));
  for (TrainState* state : {&ts, &bad}) {
    auto history = fit(*state, nan, train,
                       {.epochs = 1,
                        .metrics = {{"auroc", metrics::AUROC{}}},
                        .training_metrics = true,
                        .callbacks = {StopOnNaN{}}});
    EXPECT_NE(history.stop_reason, "");
    EXPECT_EQ(state->step, 0);
  }
}

TEST(Fit, HasTheRightLossWhileTheProgramLooksAtABatch) {
  Layer model = Dense(2, 1);
  auto [ps, st] = setup(Rng(3), model);
  TrainState ts(model, ps, st, Descent(0.0));
  auto train = training_batches();
  const auto it = train.begin();
  EXPECT_EQ((*it)[0].tensor().size(0), 9);
  struct Batches {
    std::vector<int64_t>* seen;
    void on_step(const Event& e) const { seen->push_back(e.batch); }
  };
  std::vector<int64_t> seen;
  auto history = fit(ts, kLoss, train, {.epochs = 1, .callbacks = {Batches{&seen}}});
  EXPECT_EQ(seen, (std::vector<int64_t>{1, 2, 3, 4, 5, 6, 7}));
  auto [x, y] = points().tensors<2>();
  EXPECT_NEAR(at(history, "loss", 0), kLoss(predict<Tensor>(model, x, ps, st), y).item<double>(),
              1e-6);
}

TEST(Fit, EndsOnlyTheCallbacksThatHaveBegun) {
  struct Refuses {
    void on_start(const Event&) const { throw ArgumentError("Refuses", "expected another one."); }
    void on_end(const Event&) const { FAIL(); }
  };
  TrainState ts = small_training();
  auto train = training_batches();
  Recorder before, behind;
  EXPECT_THROW(fit(ts, kLoss, train, {.callbacks = {before, Refuses{}, behind}}), ArgumentError);
  EXPECT_EQ(before.calls->back().substr(0, 3), "end");
  EXPECT_EQ(*behind.calls, (std::vector<std::string>{"resume"}));
}

TEST(Fit, NamesTheCallbackOfEveryFunction) {
  struct InError {
    bool on_error(Event&, const std::exception&) const { throw std::runtime_error("lost"); }
  };
  struct InNote {
    void on_note(const Event&, const std::string&) const { throw std::runtime_error("lost"); }
  };
  struct InEnd {
    void on_end(const Event&) const { throw std::runtime_error("lost"); }
  };
  auto nan = [](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) {
    auto out = Objective(kLoss)(model, ps, st, batch);
    out.loss = out.loss * std::numeric_limits<double>::quiet_NaN();
    return out;
  };
  auto text = [&](const Objective& objective, const Callback& broken) {
    TrainState ts = small_training();
    auto train = training_batches();
    Recorder recorder;
    const auto what =
        text_of([&] { fit(ts, objective, train, {.callbacks = {recorder, broken}}); });
    EXPECT_EQ(recorder.calls->back().substr(0, 3), "end");
    return what;
  };
  EXPECT_NE(text(nan, InError{}).find("the callback InError failed in on_error"),
            std::string::npos);
  const auto note = text(kLoss, InNote{});
  EXPECT_EQ(note.find("[fit] the callback InNote failed in on_note"), 0u) << note;
  EXPECT_NE(text(kLoss, InEnd{}).find("the callback InEnd failed in on_end"), std::string::npos);
}

TEST(Fit, ASignalInTheLastEpochIsInTheHistory) {
  struct Raise {
    void on_end(const Event&) const { std::raise(SIGINT); }
  };
  TrainState ts = small_training();
  auto train = training_batches();
  EXPECT_NE(fit(ts, kLoss, train, {.callbacks = {Raise{}}}).stop_reason, "");
}

TEST(Fit, ASignalEndsTheRunAfterTheStep) {
  struct Raise {
    int signal;
    void on_step(const Event& e) {
      if (e.ts.step == 3) std::raise(signal);
    }
  };
  for (const int signal : {SIGINT, SIGTERM}) {
    TrainState ts = small_training();
    auto train = training_batches();
    auto history = fit(ts, kLoss, train, {.epochs = 2, .callbacks = {Raise{signal}}});
    EXPECT_EQ(ts.step, 3);
    EXPECT_NE(history.stop_reason.find(signal == SIGINT ? "SIGINT" : "SIGTERM"), std::string::npos);
  }
}

TEST(FitDeathTest, ASecondSignalEndsTheProcess) {
  struct Raise {
    void on_step(const Event&) {
      std::raise(SIGINT);
      std::raise(SIGINT);
    }
  };
  TrainState ts = small_training();
  auto train = training_batches();
  EXPECT_EXIT(fit(ts, kLoss, train, {.callbacks = {Raise{}}}), ::testing::KilledBySignal(SIGINT),
              "");
}

TEST(Fit, RefusesWhatMakesNoSense) {
  TrainState ts = small_training();
  auto train = training_batches();
  auto text = [&](FitOptions options) { return text_of([&] { fit(ts, kLoss, train, options); }); };
  EXPECT_EQ(text({.epochs = -1}), "[fit] expected .epochs of at least 0, got -1.");
  EXPECT_EQ(text({.validate_every = 0}), "[fit] expected .validate_every of at least 1, got 0.");
  EXPECT_EQ(text({.metrics = {{"a b", metrics::Accuracy{}}}}),
            "[fit] expected metrics with names of letters, digits and '_', got 'a b'.");
  EXPECT_EQ(text({.metrics = {{"validation_a", metrics::Accuracy{}}}}),
            "[fit] expected metrics whose names do not begin with 'validation_', which fit adds, "
            "got 'validation_a'.");
  EXPECT_NE(text({.metrics = {{"a", metrics::Accuracy{}}, {"a", metrics::Accuracy{}}}})
                .find("'a', which is there already"),
            std::string::npos);
  EXPECT_EQ(ts.step, 0);
  auto none = fit(ts, kLoss, train, {.epochs = 0});
  EXPECT_EQ(none.size(), 0u);
}

TEST(Fit, SaysThatMetricsNeedLabels) {
  TrainState ts = small_training();
  auto train = data::DataLoader(points()[0], {.batch_size = 10}), valid = train;
  auto own = [](const Layer& model, const Tree& ps, const Tree& st, const Tree& batch) -> LossOut {
    auto [y, next] = model(batch, ps, st);
    return {y.tensor().square().mean(), next};
  };
  const auto text = text_of([&] {
    fit(ts, own, train, {.validation = &valid, .metrics = {{"accuracy", metrics::Accuracy{}}}});
  });
  EXPECT_NE(text.find("expected, for metrics, batches (x, y)"), std::string::npos) << text;
}

TEST(Fit, AnUnknownMetricIsNamedBesideThoseThatThereAre) {
  struct Ask {
    void on_epoch(Event& e) { e.metric("validation_acuracy"); }
  };
  TrainState ts = small_training();
  auto train = training_batches(), valid = validation_batches();
  const auto text =
      text_of([&] { fit(ts, kLoss, train, {.validation = &valid, .callbacks = {Ask{}}}); });
  EXPECT_NE(text.find("got 'validation_acuracy'. There is: loss, validation_loss."),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace luxtorch
