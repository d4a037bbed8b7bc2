// Convolutional networks for images: LeNet, ResNet-20 or ConvMixer tells what is in a picture.
//
// The pictures are drawn by the program: discs, squares, triangles, crosses and rings of any size, place, angle and
// brightness, with noise, 32 x 32 pixels. A file of digits does as well. By the end of this page a network has been counted
// and trained on pictures that are changed at random, its mistakes have been looked at, and its weights have been to PyTorch
// and back. models.cpp has the networks.
//
//     tools/run images --plots pictures                        trains LeNet, in seconds
//     tools/run images --model resnet20                        or convmixer        (--help tells the rest)

#include <fmt/format.h>
#include <luxtorch/luxtorch.h>

#include <CLI/CLI.hpp>
#include <iostream>

#include "models.h"
#include "pictures.h"
#include "program.h"
#include "samples.h"

namespace lux = luxtorch;
using lux::Layer, lux::Rng, lux::Tensor, lux::Tree;

struct Options : Page {
  std::string model = "lenet";
  std::filesystem::path data = {}, load = {}, out = "images.pt", examples = {};
  int64_t images = 4000, epochs = 8, batch_size = 64;
  double noise = 0.2, learning_rate = 3e-3;
  bool augment = true;
};

// ------------------------------------------------------------------------------------------------------- Augmentation
//
// A figure in a mirror is the same figure (a digit is not), and so is one that is moved by a few pixels or partly hidden.
// Images that are changed at random in each step stand for many more. The loader changes each batch by a key of its own: a
// training that is run again sees the same images.

Tensor augment(Rng rng, Tensor x, const Options& o) {  // (batch, channels, height, width)
  if (o.data.empty()) x = lux::data::random_flip(rng.fold_in("flip"), x);
  x = lux::data::random_crop(rng.fold_in("crop"), x, {.padding = 3});
  return lux::data::random_erase(rng.fold_in("erase"), x, {.p = 0.25, .max_area = 0.1});
}

// ------------------------------------------------------------------------------------------------------------ Training

const lux::CrossEntropyLoss loss_function{.logits = true};

/// The logits of all images, in test mode: batch norms take the statistics that they have gathered.
Tensor logits_of(const Layer& model, const Tree& ps, const Tree& st, const Tensor& x) {
  std::vector<Tensor> parts;
  for (const Tensor& part : x.split(250))
    parts.push_back(lux::predict<Tensor>(model, part, ps, st));
  return lux::cat(parts);
}

struct PrintEpoch {
  void on_epoch(const lux::Event& e) const {
    fmt::print("Epoch [{:2}]: Loss {:.4f}   Held out: Loss {:.4f}, Accuracy {:.1f}%\n", e.epoch,
               e.loss(), e.metric("validation_loss"), 100 * e.metric("validation_accuracy"));
    std::fflush(stdout);
  }
};

lux::TrainState train(const Layer& model, const Tree& ps, const Tree& st, const Samples& samples,
                      const Options& o) {
  const Rng rng(o.seed);
  std::function<Tree(const Tree&, Rng)> change;
  if (o.augment) {
    change = [&o](const Tree& batch, Rng key) {
      auto [x, y] = batch.tensors<2>();
      return lux::tuple({augment(key, x, o), y});
    };
  }
  lux::DataLoader loader(samples.train,
                         {.batch_size = o.batch_size, .shuffle = true, .transform = change}, rng);
  const lux::DataLoader held_out(samples.test, {.batch_size = 250});
  // The learning rate goes up and down again, once.
  auto rate =
      lux::schedule::OneCycle(std::max<int64_t>(2, o.epochs * loader.size()), o.learning_rate);
  lux::TrainState ts(model, ps, st, lux::Scheduler(lux::AdamW(0.001, {.lambda = 0.01}), rate));
  auto history = lux::fit(ts, loss_function, loader,
                          {.epochs = o.epochs,
                           .validation = &held_out,
                           .metrics = {{"accuracy", lux::metrics::Accuracy{}}},
                           .callbacks = {PrintEpoch{}}});
  if (!history.stop_reason.empty()) throw lux::ArgumentError("images", history.stop_reason);
  return ts;
}

// ---------------------------------------------------------------------------------------------------------- The program

void page(const Options& o) {
  auto samples = o.data.empty() ? figures(Rng(o.seed).fold_in("figures"), o.images, o.noise)
                                : samples_of_file(o.data, o.images);
  auto [x, y] = samples.test.tensors<2>();
  const int64_t classes = static_cast<int64_t>(samples.classes.size());
  const Layer model = make_model(o.model, x.size(1), classes);

  // What one image costs, known before anything is drawn or computed: a multiply-add counts as two operations.
  std::cout << lux::summary(model, {1, x.size(1), 32, 32}) << std::endl;

  auto [ps, st] = o.load.empty() ? lux::setup(Rng(o.seed), model)
                                 : lux::from_torch(model, lux::io::load(o.load));
  auto ts = train(model, ps, st, samples, o);
  auto logits = logits_of(model, ts.parameters(), ts.states(), x);

  // Metrics are folds: a state, which each batch moves on. Here all images are one batch.
  const lux::metrics::ConfusionMatrix matrix{.classes = classes};
  auto confusion = matrix.value(matrix.update(matrix.init(), logits, y));
  fmt::print("\nAnswers (columns) to images of each class (rows)\n{}\n",
             confusion_text(confusion, samples.classes));

  // To PyTorch: the state dict of the torch.nn module with the same names. In Python, where models.py of this folder is,
  //     net = models.ResNet20(1, 5);  net.load_state_dict(torch.load("images.pt"))
  lux::torch_archive::save(o.out, lux::to_torch(model, ts.parameters(), ts.states()),
                           {.state_dict = true});
  // And back.
  auto [ps_loaded, st_loaded] = lux::from_torch(model, lux::torch_archive::load(o.out));
  bool same = lux::tree::equal(logits_of(model, ps_loaded, st_loaded, x), logits);
  fmt::print("\nSaved to {} and loaded again: the logits of {} images are {}.\n", o.out.string(),
             x.size(0), same ? "equal bit for bit" : "NOT equal");
  if (!o.examples.empty())
    lux::numpy::save(o.examples, lux::named({{"x", x}, {"y", y}, {"logits", logits}}));

  if (!o.plots.empty()) draw_confusion(o, confusion, x, y, logits, samples.classes);
}

int main(int argc, char** argv) {
  Options o{{"images"}};
  CLI::App app("Trains a convolutional network to tell figures apart, or digits of a file.");
  app.option_defaults()->always_capture_default();
  app.add_option("--model", o.model, "lenet, resnet20 or convmixer")
      ->check(CLI::IsMember({"lenet", "resnet20", "convmixer"}));
  app.add_option("--data", o.data, "An .npz file with x_train, y_train, x_test and y_test")
      ->check(CLI::ExistingFile);
  app.add_option("--images", o.images, "Images to train on")->check(CLI::PositiveNumber);
  app.add_option("--noise", o.noise, "Standard deviation of the noise in the figures")
      ->check(CLI::Range(0.0, 10.0));
  app.add_flag("--augment,!--no-augment", o.augment, "Change the images at random in each step");
  app.add_option("--epochs", o.epochs, "Passes over the training images; 0 trains nothing")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--batch-size", o.batch_size, "Images in a batch")->check(CLI::PositiveNumber);
  app.add_option("--learning-rate", o.learning_rate, "AdamW's, at its highest")
      ->check(CLI::Range(1e-9, 1.0));
  app.add_option("--load", o.load, "Start from the weights of a file of PyTorch")
      ->check(CLI::ExistingFile);
  app.add_option("--out", o.out, "Where the weights go, a file of PyTorch");
  app.add_option("--examples", o.examples,
                 "An .npz file for the images held out and their logits, which models.py compares");
  return o.run(app, argc, argv, [&] { page(o); });
}
