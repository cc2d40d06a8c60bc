"""Plain Keras training as in a notebook, for comparison: nothing here is tuned."""

import json
import sys
import time

import keras
import numpy as np

kind, folder, epochs, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
keras.utils.set_random_seed(seed)

x_train = np.load(f"{folder}/train_images.npy").astype("float32")
y_train = np.load(f"{folder}/train_labels.npy")
x_validation = np.load(f"{folder}/validation_images.npy").astype("float32")
y_validation = np.load(f"{folder}/validation_labels.npy")

if kind == "mlp":
    layers = [
        keras.layers.Flatten(),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(512, activation="relu"),
        keras.layers.Dropout(0.2),
    ]
    rate = 0.001
else:
    layers = [
        keras.layers.Rescaling(1 / x_train.std(), -x_train.mean() / x_train.std()),
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(32, 3, activation="relu"),
        keras.layers.Conv2D(64, 3, activation="relu"),
        keras.layers.MaxPooling2D(2),
        keras.layers.Dropout(0.25),
        keras.layers.Flatten(),
        keras.layers.Dense(128, activation="relu"),
        keras.layers.Dropout(0.5),
    ]
    rate = keras.optimizers.schedules.CosineDecay(0.001, epochs * len(x_train) // 128)
model = keras.Sequential([keras.Input((28, 28)), *layers, keras.layers.Dense(10, activation="softmax")])
model.compile(keras.optimizers.Adam(rate), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
ends = []
clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: ends.append(time.perf_counter()))
history = model.fit(
    x_train,
    y_train,
    batch_size=128,
    epochs=epochs,
    validation_data=(x_validation, y_validation),
    callbacks=[clock],
    verbose=2,
)
model.save(f"{folder}/notebook.keras")
print(json.dumps({"ends": ends, "accuracy": history.history["val_accuracy"][-1]}))
