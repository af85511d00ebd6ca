"""The equations of the deep dive, in LaTeX; ``markup.mathml`` turns them into MathML at build time."""

EQUATIONS: dict[str, str] = {
    "scale": r"\tilde{f}_i = \frac{f_i - \bar{f}_i}{\sigma_i^{\mathrm{ref}}}",
    "embedding_position": r"z_p^{(0)} = W_p\, \tilde{f}_{[p]} + b_p + e_p, \qquad p = 1, \dots, P",
    "embedding_shared": r"z_p^{(0)} = W\, \tilde{f}_{[p]} + b + e_p, \qquad p = 1, \dots, P",
    "attention": (
        r"\mathrm{head}_h(Z) = \mathrm{softmax}\!\left( \frac{Q_h K_h^{\top}}{\sqrt{d_h}} \right) V_h, "
        r"\qquad Q_h = Z W_h^{Q},\; K_h = Z W_h^{K},\; V_h = Z W_h^{V}"
    ),
    "layer": r"Z' = Z + \mathrm{MHA}(\mathrm{LN}(Z)), \qquad Z'' = Z' + \mathrm{MLP}(\mathrm{LN}(Z'))",
    "loss_mse": r"\mathcal{L}_{\mu} = \frac{1}{B} \sum_{b} (y_b - \mu_b)^2",
    "loss_huber": (
        r"\mathcal{L}_{\mu} = \frac{1}{B} \sum_{b} H_{\delta}(y_b - \mu_b), \qquad H_{\delta}(r) = "
        r"\begin{cases} \frac{1}{2} r^2 & |r| \le \delta \\ "
        r"\delta \left( |r| - \frac{1}{2} \delta \right) & |r| > \delta \end{cases}"
    ),
    "loss_sigma": (
        r"\mathcal{L}_{\sigma} = \frac{1}{B} \sum_{b} "
        r"\left[ \log s_b + \frac{(y_b - \underline{\mu}_b)^2}{2 s_b^2} \right]"
    ),
    "noise": (
        r"\sigma_i^2(m) = \frac{B_i + S_i(m)\, f_i}{N_{\mathrm{exp}}\, S_i(m)^2}, "
        r"\qquad S_i(m) = S_i^{0}\, 10^{-0.4 (m - m_0)}"
    ),
    "snr": r"\mathrm{SNR} = \mathrm{median}_i \left( \frac{f_i}{\sigma_i} \right)",
    "spline": (
        r"f(\theta) = \sum_{j} w_j(\theta)\, F_j, "
        r"\qquad w_{abc}(\theta) = u_a(T_{\mathrm{eff}})\, v_b(\log g)\, t_c([\mathrm{M/H}])"
    ),
    "jacobian": r"\frac{\partial f}{\partial \theta_k} = \sum_{j} \frac{\partial w_j}{\partial \theta_k}\, F_j",
    "fisher": (
        r"I_{kl} = \sum_{i} \frac{1}{\sigma_i^2}\, "
        r"\frac{\partial f_i}{\partial \theta_k}\, \frac{\partial f_i}{\partial \theta_l}"
    ),
    "fisher_blocks": (
        r"\mathrm{var}(\hat{g}) \ge \left( I_{gg} - I_{g\nu}\, I_{\nu\nu}^{-1}\, I_{\nu g} \right)^{-1}"
        r"\quad \text{for an unbiased estimator}"
    ),
    "crlb_r2": r"R^2_{\mathrm{CRLB}} = 1 - \frac{\sigma_{\mathrm{CRLB}}^2}{\mathrm{var}_{\mathrm{prior}}(\log g)}",
    "amplitude": (
        r"p(y \mid \theta) = \int s^{P-1} \prod_{i=1}^{P} "
        r"\mathcal{N}\!\left( s\, y_i;\; f_i(\theta),\; \sigma_i^2(\theta) \right) ds"
    ),
    "importance": (
        r"\hat{g} = \frac{\sum_j w_j\, g_j}{\sum_j w_j}, \qquad "
        r"w_j = \frac{p(y \mid \theta_j)\, p(\theta_j)}{q(\theta_j)}, \qquad "
        r"q(\theta) = \frac{N\, p(\theta) + K\, t(\theta)}{N + K}"
    ),
    "ess": r"\mathrm{ESS} = \frac{\left( \sum_j w_j \right)^2}{\sum_j w_j^2}",
    "total_variance": (
        r"\mathrm{E}\!\left[ (\hat{g} - g)^2 \right] = \mathrm{E}\!\left[ \mathrm{var}(g \mid y) \right] "
        r"\le \mathrm{var}_{\mathrm{prior}}(g)"
    ),
    "crlb": r"\mathrm{var}(\hat{\theta}_k) \ge \left( I^{-1} \right)_{kk} \quad \text{for an unbiased estimator}",
    "bayes": (
        r"\hat{g}(f) = \frac{\int \log g\; p(f \mid \theta)\, p(\theta)\, d\theta}"
        r"{\int p(f \mid \theta)\, p(\theta)\, d\theta}"
    ),
    "r2": r"R^2 = 1 - \frac{\sum_n (\hat{g}_n - g_n)^2}{\sum_n (g_n - \bar{g})^2}",
}
